/** Where things lie in an archive: magic, contents, index, trailer. SPEC.md, "The file". */
import * as Effect from "effect/Effect"
import { type ObjectStore, StoreError } from "../../stages/store/store.ts"

/** The name of the one object in a store. */
export const ARCHIVE = "archive.zprt"

/** 12219678139600706333 as u64 LE. It begins and ends an archive, and begins its plain index. */
export const MAGIC: Uint8Array = Uint8Array.of(0x1d, 0x9b, 0x81, 0x7c, 0x86, 0x04, 0x95, 0xa9)
/** The offset of the first content. */
export const CONTENTS_AT: number = MAGIC.length
/** Bytes of the trailer: a number that leads to the index, then the magic. */
export const TRAILER_BYTES: number = 8 + MAGIC.length

/** Whether the magic is at an offset. */
export const hasMagic = (bytes: Uint8Array, at: number = 0): boolean => MAGIC.every((byte, i) => bytes[at + i] === byte)

/** Reads a u64 LE. A value above 2^53 is rounded, and is then still larger than any length. */
export const readNumber = (bytes: Uint8Array, at: number): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}

/** Writes a u64 LE. The value must be at most 2^53. */
export const writeNumber = (bytes: Uint8Array, at: number, value: number): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}

/** What the number in a trailer means: the length of the index or, in early archives, its offset. */
export type TrailerKind = "length" | "position"

/** Where the index of an archive lies. */
export interface IndexPlace {
  /** Offset in the archive. */
  readonly start: number
  /** Stored bytes. */
  readonly length: number
  /** The kind of trailer that leads there. */
  readonly trailer: TrailerKind
}

/** The trailer for an index of `length` stored bytes at offset `start`. */
export const encodeTrailer = (start: number, length: number, kind: TrailerKind): Uint8Array => {
  const bytes = new Uint8Array(TRAILER_BYTES)
  writeNumber(bytes, 0, kind === "length" ? length : start)
  bytes.set(MAGIC, 8)
  return bytes
}

/**
 * The places where the index of an archive of `size` bytes may lie, the likelier one first. A trailer does not say
 * which kind it is. None when the number in it is impossible.
 */
export const decodeTrailer = (size: number, trailer: Uint8Array): ReadonlyArray<IndexPlace> => {
  const value = readNumber(trailer, 0)
  const end = size - TRAILER_BYTES
  const places: Array<IndexPlace> = []
  for (const [start, kind] of [[end - value, "length"], [value, "position"]] as const) {
    if (start < CONTENTS_AT || start >= end || places[0]?.start === start) continue
    places.push({ start, length: end - start, trailer: kind })
  }
  return places
}

/** Reads exactly `length` bytes of the archive. A short read fails: the bytes may be copied into the next archive. */
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
