/** Finds the age files in an archive without its index, by what every age file begins with. SPEC.md, "Recovery". */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import { AGE_INTRO } from "../../stages/encrypt/age_header.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { concernsObject } from "../../stages/store/unreadable.ts"
import type { FormatError } from "../error.ts"
import type { Place } from "./content_read.ts"
import { type ReadIndex, readIndex } from "./index_read.ts"
import { readSlot } from "./keys.ts"
import {
  ARCHIVE,
  CONTENTS_AT,
  encodeTrailer,
  type IndexPlace,
  MAGIC,
  readArchive,
  readNumber,
  TRAILER_BYTES,
  type TrailerKind,
} from "./layout.ts"
import type { Opened } from "./opened.ts"

/** Bytes that are searched at once. */
const WINDOW_BYTES = 4 << 20
/** When a disk cannot read part of the archive, this many bytes are left out at least. */
const SECTOR_BYTES = 4 << 10
/** No age file is shorter: it has a header of one stanza, a nonce and a tag. */
const SHORTEST = 100

/** What was found in an archive. */
export interface Found {
  /**
   * The age files in their order, without key slot and index. Each reaches to where the next begins, so the last one
   * may have other bytes behind it.
   */
  readonly places: ReadonlyArray<Place>
  /** The index and its place; undefined when it is missing or damaged. */
  readonly index: { readonly read: ReadIndex; readonly place: IndexPlace } | undefined
}

/** Searches the whole archive. Fails with `wrong-key` when it has an index that is encrypted for others. */
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
      const read = yield* Effect.result(readIndex(opened, place))
      if (read._tag === "Success") {
        return { places: yield* withoutSlot(opened, places.slice(0, -1)), index: { read: read.success, place } }
      }
      if (read.failure._tag !== "RepositoryError") return yield* Effect.fail(read.failure)
    }
    return { places: yield* withoutSlot(opened, places), index: undefined }
  },
)

/** Where an index that begins at `start` may end: before a trailer, or before the part of a trailer that is left. */
const possibleEnds = Effect.fnUntraced(function* (
  { store }: Opened,
  start: number,
  size: number,
  magics: ReadonlyArray<number>,
) {
  const tail = yield* readArchive(store, Math.max(start, size - TRAILER_BYTES), Math.min(TRAILER_BYTES, size - start))
  const cut = Array.from({ length: tail.length }, (_, i) => i).filter((length) => {
    return TRAILER_KINDS.some((kind) =>
      encodeTrailer(start, size - length - start, kind).subarray(0, length)
        .every((byte, i) => tail[tail.length - length + i] === byte)
    )
  })
  const ends = [...magics.map((at) => at - 8), ...cut.map((length) => size - length), size - TRAILER_BYTES]
  return new Set(ends.filter((end) => end > start))
})

const TRAILER_KINDS: ReadonlyArray<TrailerKind> = ["length", "position"]

/** The kind of the trailer behind an index; `length` when it does not show. */
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

/** Reads bytes of the archive. Bytes that the disk cannot read become zeros. */
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

/** The offsets where age files begin, and the offsets of magics that may end a trailer. */
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
