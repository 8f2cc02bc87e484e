/** What lies where in an archive: magic, contents, index, length of the index, magic. SPEC.md, "The file". */
import * as Effect from "effect/Effect"
import { type ObjectStore, StoreError } from "../../stages/store/store.ts"

/** Name of the one object of a store. */
export const ARCHIVE = "archive.zprt"

/** 12219678139600706333 as u64 LE: begins and ends an archive, and begins its index. */
export const MAGIC: Uint8Array = Uint8Array.of(0x1d, 0x9b, 0x81, 0x7c, 0x86, 0x04, 0x95, 0xa9)
/** Where the first content starts. */
export const CONTENTS_AT: number = MAGIC.length
/** Length of the stored index, and the magic. */
export const TRAILER_BYTES: number = 8 + MAGIC.length

/** Whether the magic is at an offset. */
export const hasMagic = (bytes: Uint8Array, at: number = 0): boolean => MAGIC.every((byte, i) => bytes[at + i] === byte)

/** A u64 LE. Beyond 2^53 it is rounded, to something larger than any length. */
export const readNumber = (bytes: Uint8Array, at: number): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}

/** The inverse, for numbers up to 2^53. */
export const writeNumber = (bytes: Uint8Array, at: number, value: number): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}

/** What a trailer tells of the index: its length or, in early archives, where it begins. */
export type TrailerKind = "length" | "position"

/** What comes after an index at `start` of so many stored bytes. */
export const trailer = (start: number, length: number, kind: TrailerKind): Uint8Array => {
  const bytes = new Uint8Array(TRAILER_BYTES)
  writeNumber(bytes, 0, kind === "length" ? length : start)
  bytes.set(MAGIC, 8)
  return bytes
}

/** Reads bytes of the archive of a store: all of them, for they may go into the next archive. */
export const readArchive = (
  store: ObjectStore,
  offset: number,
  length: number,
): Effect.Effect<Uint8Array, StoreError> =>
  Effect.flatMap(
    store.get(ARCHIVE, { offset, length }),
    (bytes) =>
      bytes.length === length ? Effect.succeed(bytes) : Effect.fail(
        new StoreError({
          reason: "corrupt",
          object: ARCHIVE,
          message: `The archive ${store.properties.location} gave ${bytes.length} bytes instead of ${length}`,
        }),
      ),
  )
