/** Reads objects of any size. SPEC.md, "Objects". */
import { hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import { FRAME_BYTES } from "../../../stages/kernel/frames.ts"
import { Afresh, readTwice } from "../../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { RepositoryError } from "../../error.ts"
import { asDamage, corrupt } from "../errors.ts"
import { COMPRESSION, decodeHeader, ENCRYPTION, type ObjectHeader } from "../header.ts"
import { type FrameCodec, frameCodec, maximumFrame, SECTION_BYTES } from "./frames.ts"
import { BLOCK_VERSION_0, type Layout, type ObjectMagic } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { contentName } from "./layout.ts"
import { authenticate, MAC_AT, PLAIN_PAYLOAD, SEALED_PAYLOAD } from "./object_write.ts"

/** Bytes of the first read of an object, and of each later one. */
const FIRST_READ = 64 << 10
const NEXT_READ = 4 << 20

/** The number of sections of each kind of object. */
const SECTIONS: Readonly<Record<ObjectMagic, number>> = { "ROZE-DAT": 2, "ROZE-IDX": 1, "ROZE-LOG": 1 }

/** An object whose header and sections were read, and are authentic. */
export interface StoredObject {
  readonly sections: ReadonlyArray<Uint8Array>
  /** Bytes of the data as it is stored. */
  readonly rest: number
  /** True when the data is stored as it is. */
  readonly plain: boolean
  /** True when only the end of the data tells whether it is what was stored, because its frames are not encrypted. */
  readonly late: boolean
  /** The data. To be run once. Fails at its end when it does not have the ID in the name or header of the object. */
  readonly data: Stream.Stream<Uint8Array, RepositoryError | StoreError>
}

/**
 * Opens an object: reads its header and sections, and reads them again when they are not what they should be. `size` is
 * the length of the object, if it is known. Fails with `corrupt` (missing, truncated, altered) or `newer`.
 */
export const openObject: (
  opened: Pick<Opened, "store" | "layout">,
  magic: ObjectMagic,
  name: string,
  size?: number,
) => Effect.Effect<StoredObject, RepositoryError | StoreError> = Effect.fnUntraced(
  function* ({ layout, store }, magic, name, size) {
    const total = size ?? (yield* named(name, store.stat(name))).size
    const cursor = new Cursor(store, name, total)
    const first = yield* cursor.peek(Math.min(total, FIRST_READ))
    const header = yield* catching(RepositoryError, () => readHeader(layout, magic, name, first))
    const headerBytes = yield* cursor.take(header.length)
    const codec = frameCodec(layout, magic, name, header, headerBytes)
    const sections: Array<Uint8Array> = []
    while (sections.length < SECTIONS[magic]) {
      const number = sections.length
      sections.push(
        yield* cursor.takeDecoded(number, true, (stored) => codec.decode(stored, number, false, SECTION_BYTES)),
      )
    }
    const isPlain = header.encryption.method === ENCRYPTION.none
    const dataId = isPlain ? header.encryption.payload.slice(0, 32) : undefined
    if (isPlain) {
      const code = authenticate(layout, headerBytes, name, sections)
      if (code.some((byte, i) => byte !== headerBytes[MAC_AT + i])) {
        return yield* corrupt(
          name,
          `${name} was altered or is damaged: its header or metadata is not as it was written`,
        )
      }
    }
    const content = contentName(name)
    const object: StoredObject = {
      sections,
      rest: cursor.remaining,
      plain: !codec.framed,
      data: verified(
        layout,
        name,
        content === undefined ? dataId : hexToBytes(content),
        codec.framed ? framed(cursor, codec, sections.length) : raw(cursor),
      ),
      late: isPlain,
    }
    return object
  },
  (open, _opened, _magic, name) => readTwice(name, open),
)

/** Decodes and checks a header. Throws RepositoryError `corrupt` or `newer`. */
const readHeader = (layout: Layout, magic: ObjectMagic, name: string, bytes: Uint8Array): ObjectHeader => {
  if (bytes.length < 9) throw corrupt(name, `${name} is truncated: it has ${bytes.length} bytes`)
  const header = decodeHeader(magic, BLOCK_VERSION_0, bytes)
  if ("what" in header) {
    throw new RepositoryError({
      reason: header.reason === "newer" ? "newer" : "corrupt",
      object: name,
      message: header.reason === "truncated" ? `${name} is truncated: it ${header.what}` : `${name} ${header.what}`,
    })
  }
  const { compression, encryption } = header
  if (encryption.method > ENCRYPTION.xaes256gcm || compression.method > COMPRESSION.adaptiveZstd) {
    throw new RepositoryError({
      reason: "newer",
      object: name,
      message: `${name} uses encryption ${encryption.method} and compression ${compression.method}, ` +
        "which this Penstock does not know; use a later one",
    })
  }
  const plain = encryption.method === ENCRYPTION.none
  if (encryption.payload.length !== (plain ? PLAIN_PAYLOAD : SEALED_PAYLOAD) || compression.payload.length !== 0) {
    throw corrupt(name, `${name} was altered or is damaged: its header does not fit its methods`)
  }
  if (!plain && layout.repository.some((byte, i) => byte !== encryption.payload[i])) {
    throw corrupt(name, `${name} belongs to another repository, or is damaged`)
  }
  return header
}

/** The data in frames; `first` is the number of its first frame. */
const framed = (
  cursor: Cursor,
  codec: FrameCodec,
  first: number,
): Stream.Stream<Uint8Array, RepositoryError | StoreError> =>
  Stream.unfold(
    first,
    Effect.fnUntraced(function* (number: number) {
      if (number > first && cursor.remaining === 0) return undefined
      const bytes = yield* cursor.takeDecoded(
        number,
        false,
        (stored) => codec.decode(stored, number, cursor.remaining === 0, FRAME_BYTES),
      )
      return [bytes, number + 1] as const
    }),
  )

/** The data as it is stored. */
const raw = (cursor: Cursor): Stream.Stream<Uint8Array, RepositoryError | StoreError> =>
  Stream.unfold(
    undefined,
    () =>
      cursor.remaining === 0
        ? Effect.succeed(undefined)
        : Effect.map(cursor.take(Math.min(cursor.remaining, FRAME_BYTES)), (bytes) => [bytes, undefined] as const),
  )

/** Passes the data on, and fails at its end when it does not have this ID. */
const verified = (
  layout: Layout,
  name: string,
  id: Uint8Array | undefined,
  data: Stream.Stream<Uint8Array, RepositoryError | StoreError>,
): Stream.Stream<Uint8Array, RepositoryError | StoreError> => {
  if (id === undefined) return data
  const state = layout.hasher.create()
  return data.pipe(
    Stream.map((bytes) => {
      state.update(bytes)
      return bytes
    }),
    Stream.concat(
      Stream.fromEffectDrain(
        Effect.suspend(() =>
          state.digest().every((byte, i) => byte === id[i]) ? Effect.void : Effect.fail(
            corrupt(name, `${name} was altered, or is damaged or truncated: its content has another hash`),
          )
        ),
      ),
    ),
  )
}

/** Reads an object from start to end, a few MiB at a time. */
class Cursor {
  readonly #store: ObjectStore
  readonly #name: string
  readonly #size: number
  #held: Uint8Array = new Uint8Array(0)
  #at = 0
  /** Where the next read starts. */
  #next = 0

  constructor(store: ObjectStore, name: string, size: number) {
    this.#store = store
    this.#name = name
    this.#size = size
  }

  /** Bytes that were not taken yet. */
  get remaining(): number {
    return this.#size - this.#next + this.#held.length - this.#at
  }

  /** The next bytes. They are not taken. */
  peek(length: number): Effect.Effect<Uint8Array, RepositoryError | StoreError> {
    const there = this.#held.length - this.#at
    if (length <= there) return Effect.succeed(this.#held.subarray(this.#at, this.#at + length))
    const least = this.#next === 0 ? FIRST_READ : NEXT_READ
    const offset = this.#next
    const wanted = Math.min(this.#size - offset, Math.max(length - there, least))
    const get = this.#store.get(this.#name, { offset, length: wanted })
    return Effect.map(named(this.#name, get), (bytes) => {
      const held = new Uint8Array(there + bytes.length)
      held.set(this.#held.subarray(this.#at))
      held.set(bytes, there)
      this.#held = held
      this.#at = 0
      this.#next = offset + bytes.length
      return held.subarray(0, length)
    })
  }

  /** Takes the next bytes. Fails when the object ends before. */
  take(length: number): Effect.Effect<Uint8Array, RepositoryError | StoreError> {
    if (length > this.remaining) return Effect.fail(corrupt(this.#name, `${this.#name} is truncated`))
    return Effect.map(this.peek(length), (bytes) => {
      this.#at += length
      return bytes
    })
  }

  /** Takes the next frame and decodes it. When it does not decode, the same frame is read again. */
  takeDecoded(
    number: number,
    section: boolean,
    decode: (stored: Uint8Array) => Uint8Array,
  ): Effect.Effect<Uint8Array, RepositoryError | StoreError> {
    const start = this.#size - this.remaining
    const read = Effect.flatMap(Afresh, (afresh) => {
      if (afresh) {
        this.#held = new Uint8Array(0)
        this.#at = 0
        this.#next = start
      }
      return Effect.flatMap(this.#frame(number, section), (stored) => catching(RepositoryError, () => decode(stored)))
    })
    return readTwice(this.#name, read)
  }

  /** Takes the next frame, without its length. */
  #frame(number: number, section: boolean): Effect.Effect<Uint8Array, RepositoryError | StoreError> {
    return Effect.flatMap(this.take(4), (head) => {
      const length = new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true)
      if (length > maximumFrame(section)) {
        const message = `${this.#name} was altered or is damaged: frame ${number} claims ${length} bytes`
        return Effect.fail(corrupt(this.#name, message))
      }
      if (length > this.remaining) {
        return Effect.fail(corrupt(this.#name, `${this.#name} is truncated: it ends within frame ${number}`))
      }
      return this.take(length)
    })
  }
}

/** Turns errors about the object into damage: it is missing, shorter than a moment ago, or cannot be read. */
const named = <A>(name: string, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, RepositoryError | StoreError> =>
  Effect.mapError(effect, (error) => {
    if (error.reason === "not-found") return corrupt(name, `${name} is missing`, error)
    return error.reason === "corrupt" ? corrupt(name, `${name} is truncated`, error) : asDamage(name)(error)
  })
