/** Finds the age files in an archive without its index: by what each begins with. */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import { AGE_INTRO } from "../../stages/encrypt/age.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { concernsObject } from "../../stages/store/unreadable.ts"
import type { FormatError } from "../error.ts"
import { type Archive, type IndexPlace, readIndex } from "./archive_read.ts"
import type { Place } from "./content_read.ts"
import { readSlot } from "./keys.ts"
import {
  ARCHIVE,
  CONTENTS_AT,
  MAGIC,
  readArchive,
  readNumber,
  trailer,
  TRAILER_BYTES,
  type TrailerKind,
} from "./layout.ts"
import type { Opened } from "./opened.ts"

/** Bytes that are read at once. */
const WINDOW_BYTES = 4 << 20
/** What a disk cannot read is left out in pieces of so many bytes. */
const SECTOR_BYTES = 4 << 10
/** No age file is shorter: a header of one stanza, nonce and tag. */
const SHORTEST = 100

/** What was found. */
export interface Found {
  /**
   * Age files in their order, without key slot and index. Each ends where the next begins, so the last may have
   * something behind it.
   */
  readonly places: ReadonlyArray<Place>
  /** The index, when it is there and whole, and where it is. */
  readonly index: { readonly archive: Omit<Archive, "fingerprint">; readonly place: IndexPlace } | undefined
}

/** Looks through the whole archive. Fails with `wrong-key` when there is an index for others. */
export const scan: (opened: Opened) => Effect.Effect<Found, FormatError> = Effect.fnUntraced(
  function* (opened: Opened) {
    const { store } = opened
    const { size } = yield* store.stat(ARCHIVE)
    const { magics, starts } = yield* findMarks(opened, size)
    const places = starts.map((offset, i): Place => ({ offset, length: (starts[i + 1] ?? size) - offset }))
    const last = places.at(-1)
    if (last === undefined) return { places, index: undefined }
    for (const end of yield* possibleEnds(opened, last.offset, size, magics)) {
      const place: IndexPlace = {
        start: last.offset,
        length: end - last.offset,
        trailer: yield* trailerKindAt(store, last.offset, end, size),
      }
      const read = yield* Effect.result(readIndex(opened, opened.keyring, place))
      if (read._tag === "Success") {
        return { places: yield* withoutSlot(opened, places.slice(0, -1)), index: { archive: read.success, place } }
      }
      if (read.failure._tag !== "RepositoryError") return yield* Effect.fail(read.failure)
    }
    return { places: yield* withoutSlot(opened, places), index: undefined }
  },
)

/**
 * Where an index that starts at `start` may end: before a magic with a number in front of it, or before a part of a
 * trailer.
 */
const possibleEnds = Effect.fnUntraced(function* (
  { store }: Opened,
  start: number,
  size: number,
  magics: ReadonlyArray<number>,
) {
  const tail = yield* readArchive(store, Math.max(start, size - TRAILER_BYTES), Math.min(TRAILER_BYTES, size - start))
  const cut = Array.from({ length: tail.length }, (_, i) => i).filter((length) => {
    return TRAILER_KINDS.some((kind) =>
      trailer(start, size - length - start, kind).subarray(0, length)
        .every((byte, i) => tail[tail.length - length + i] === byte)
    )
  })
  const ends = [...magics.map((at) => at - 8), ...cut.map((length) => size - length), size - TRAILER_BYTES]
  return new Set(ends.filter((end) => end > start))
})

const TRAILER_KINDS: ReadonlyArray<TrailerKind> = ["length", "position"]

/** What the trailer behind an index tells; a length, when that is not to be seen. */
const trailerKindAt = Effect.fnUntraced(function* (store: ObjectStore, start: number, end: number, size: number) {
  const number = yield* readArchive(store, end, Math.min(8, size - end))
  return number.length === 8 && readNumber(number, 0) === start ? "position" : "length"
})

const withoutSlot: (opened: Opened, places: ReadonlyArray<Place>) => Effect.Effect<ReadonlyArray<Place>, StoreError> =
  Effect.fnUntraced(function* ({ keyring, store }: Opened, places: ReadonlyArray<Place>) {
    const [first] = places
    if (first?.offset !== CONTENTS_AT) return places
    const slot = keyring.slot ?? (yield* readSlot(store))
    return slot?.length === first.length ? places.slice(1) : places
  })

/** Bytes of the archive; zeros where the disk cannot read it. */
const readWhatIsThere: (
  store: ObjectStore,
  offset: number,
  length: number,
) => Effect.Effect<Uint8Array, StoreError> = Effect.fnUntraced(function* (store, offset, length) {
  const read = yield* Effect.result(readArchive(store, offset, length))
  if (read._tag === "Success") return read.success
  if (!concernsObject(read.failure)) return yield* read.failure
  if (length <= SECTOR_BYTES) return new Uint8Array(length)
  const half = Math.ceil(length / 2)
  return concat([
    yield* readWhatIsThere(store, offset, half),
    yield* readWhatIsThere(store, offset + half, length - half),
  ])
})

/** Offsets of what every age file begins with, and of magics behind a number. */
const findMarks = Effect.fnUntraced(function* ({ store }: Opened, size: number) {
  const starts: Array<number> = []
  const magics: Array<number> = []
  const overlap = Math.max(AGE_INTRO.length, MAGIC.length) - 1
  for (let at = 0; at < size; at += WINDOW_BYTES) {
    const bytes = yield* readWhatIsThere(store, at, Math.min(WINDOW_BYTES + overlap, size - at))
    for (const found of occurrences(bytes, AGE_INTRO, WINDOW_BYTES)) {
      const start = at + found
      if (start - (starts.at(-1) ?? -SHORTEST) >= SHORTEST) starts.push(start)
    }
    for (const found of occurrences(bytes, MAGIC, WINDOW_BYTES)) {
      if (at + found >= TRAILER_BYTES) magics.push(at + found)
    }
  }
  return { starts, magics }
})

/** Where `mark` begins in `bytes`, before `end`. */
function* occurrences(bytes: Uint8Array, mark: Uint8Array, end: number): Generator<number, void> {
  for (let at = bytes.indexOf(mark[0]!); at >= 0 && at < end; at = bytes.indexOf(mark[0]!, at + 1)) {
    if (at + mark.length <= bytes.length && mark.every((byte, i) => bytes[at + i] === byte)) yield at
  }
}
