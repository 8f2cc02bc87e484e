/** Finds an archive, reads both ends of it, and loads its index. */
import * as Effect from "effect/Effect"
import { headerLength, isAge } from "../../stages/encrypt/age_header.ts"
import { absent } from "../../stages/store/absent.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { type Archive, archiveFingerprint, HEAD_BYTES } from "./archive.ts"
import { asCorrupt, corrupt } from "./errors.ts"
import { isWrongKey, readIndex } from "./index_read.ts"
import {
  ARCHIVE,
  CONTENTS_AT,
  decodeTrailer,
  hasMagic,
  type IndexPlace,
  readArchive,
  readNumber,
  TRAILER_BYTES,
} from "./layout.ts"
import type { Opened } from "./opened.ts"

/** The two ends of an archive. */
export interface Ends {
  /** Bytes of the archive. */
  readonly size: number
  readonly trailer: Uint8Array
  /** Where the index may lie, the likelier place first. At least one. */
  readonly places: ReadonlyArray<IndexPlace>
}

/** Whether the store holds something that begins or ends as an archive does. */
export const recognise: (store: ObjectStore) => Effect.Effect<boolean, StoreError> = Effect.fnUntraced(
  function* (store: ObjectStore) {
    const size = yield* archiveSize(store)
    if (size === undefined || size < CONTENTS_AT) return false
    return hasMagic(yield* readArchive(store, 0, CONTENTS_AT)) ||
      hasMagic(yield* readArchive(store, size - CONTENTS_AT, CONTENTS_AT))
  },
)

/** Bytes of the archive; undefined when there is none. */
export const archiveSize = (store: ObjectStore): Effect.Effect<number | undefined, StoreError> =>
  absent(Effect.map(store.stat(ARCHIVE), ({ size }) => size))

/**
 * Reads both ends; reads them twice before it calls them wrong. Fails with `none`, with `foreign` when it neither
 * begins nor ends as an archive does, or with `corrupt`.
 */
export const readEnds: (store: ObjectStore) => Effect.Effect<Ends, FormatError> = Effect.fnUntraced(
  function* (store: ObjectStore) {
    const { location } = store.properties
    const size = yield* archiveSize(store)
    if (size === undefined) {
      return yield* new RepositoryError({ reason: "none", message: `There is no archive at ${location}` })
    }
    const head = yield* readArchive(store, 0, Math.min(size, CONTENTS_AT))
    const begins = head.length === CONTENTS_AT && hasMagic(head)
    const trailer = size < CONTENTS_AT + TRAILER_BYTES
      ? undefined
      : yield* readArchive(store, size - TRAILER_BYTES, TRAILER_BYTES)
    const ends = trailer !== undefined && hasMagic(trailer, 8)
    if (!begins && !ends) {
      return yield* new RepositoryError({
        reason: "foreign",
        object: ARCHIVE,
        message: `${location} is not a zprt archive of a known version: it does not begin with the magic number`,
      })
    }
    if (!begins) return yield* corrupt(location, "does not begin with the magic number: its beginning is damaged")
    if (!ends) {
      return yield* corrupt(
        location,
        "does not end with the magic number: it was cut off, was not written completely, or has bytes appended to it",
      )
    }
    const places = decodeTrailer(size, trailer)
    if (places.length === 0) {
      const value = readNumber(trailer, 0)
      return yield* corrupt(location, `is damaged: its trailer says that the index has ${value} bytes, which cannot be`)
    }
    return { size, places, trailer }
  },
  (read, store) => Effect.mapError(readTwice(ARCHIVE, read), asCorrupt(store.properties.location)),
)

/**
 * Reads the beginning of the index. Gives the fingerprint of the archive, and the header of the index if it has one.
 */
export const readHead: (
  store: ObjectStore,
  ends: Ends,
) => Effect.Effect<{ readonly fingerprint: string; readonly header: Uint8Array | undefined }, StoreError> = Effect
  .fnUntraced(function* (store: ObjectStore, { places, size, trailer }: Ends) {
    let first: Uint8Array | undefined
    let header: Uint8Array | undefined
    for (const { length, start } of places) {
      const head = yield* readArchive(store, start, Math.min(length, HEAD_BYTES))
      first ??= head
      if (!isAge(head)) continue
      header = head.subarray(0, headerLength(head) ?? head.length)
      break
    }
    return { fingerprint: archiveFingerprint(size, trailer, first!), header }
  })

/**
 * The archive as it is now. Reads its index only when it is not the archive that was loaded last. Fails with `none`,
 * `foreign`, `corrupt` (cut off, altered or damaged) or `wrong-key`.
 */
export const loadArchive: (opened: Opened) => Effect.Effect<Archive, FormatError> = Effect.fnUntraced(
  function* (opened: Opened) {
    const { current, store } = opened
    const ends = yield* readEnds(store)
    const { fingerprint } = yield* readHead(store, ends)
    if (current.archive?.fingerprint === fingerprint) return current.archive
    const failures: Array<RepositoryError> = []
    for (const place of ends.places) {
      const read = yield* Effect.result(readIndex(opened, place))
      if (read._tag === "Success") return current.archive = { ...read.success, fingerprint }
      if (read.failure._tag !== "RepositoryError") return yield* Effect.fail(read.failure)
      failures.push(read.failure)
    }
    // A wrong place looks damaged. Only the right one can have an index for another key.
    return yield* Effect.fail(failures.find(isWrongKey) ?? failures[0]!)
  },
  (load, { store }) => Effect.mapError(readTwice(ARCHIVE, load, isWrongKey), asCorrupt(store.properties.location)),
)
