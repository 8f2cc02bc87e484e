/** Reads an archive as far as its index. */
import { bytesToHex } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import { zstdContent } from "../../stages/compress/zstd_stream.ts"
import { AGE_HEADER_MAXIMUM, headerLength, isAge } from "../../stages/encrypt/age.ts"
import { openPayload } from "../../stages/encrypt/age_payload.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { type Hasher, KernelError } from "../../stages/kernel/kernel.ts"
import { absent } from "../../stages/store/absent.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { asCorrupt, corrupt } from "./errors.ts"
import { decodeIndex, type Index, IndexError, type IndexLayout } from "./index.ts"
import { layoutOf } from "./index_mark.ts"
import type { Keyring } from "./keys.ts"
import { INDEX_ALLOWED, INDEX_MAXIMUM, INDEX_RATIO } from "./limits.ts"
import { ARCHIVE, CONTENTS_AT, hasMagic, readArchive, readNumber, TRAILER_BYTES, type TrailerKind } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** In which of the ways that there are an archive is written. The next one is written in the same. */
export interface ArchiveVariant {
  readonly layout: IndexLayout
  readonly trailer: TrailerKind
}

/** An archive whose index is read. */
export interface Archive {
  /**
   * Tells this archive from any other, at little cost: from its length, its trailer and the random begin of its index.
   */
  readonly fingerprint: string
  readonly index: Index
  readonly variant: ArchiveVariant
  /** Names what it holds: the same for the same paths and contents, in whatever order. */
  readonly id: string
}

/** Where the index of an archive lies. */
export interface IndexPlace {
  readonly start: number
  /** Stored bytes. */
  readonly length: number
  /** What the trailer that leads there tells. */
  readonly trailer: TrailerKind
}

/** The two ends of an archive. */
export interface Ends {
  readonly size: number
  /** Where the index may be, the likelier place first: trailers tell its length or, in early archives, its start. */
  readonly places: ReadonlyArray<IndexPlace>
  readonly trailer: Uint8Array
}

/** Bytes of an index that are looked at first: its header, for some recipients. */
const HEAD_BYTES = 1024
/** Bytes of an index that are read at once. */
const READ_BYTES = 1 << 20
/** How long the plain form of a stored index may be. */
export const plainLimit = (stored: number): number => Math.min(INDEX_MAXIMUM, INDEX_ALLOWED + INDEX_RATIO * stored)

/** The ID of what an index holds. SPEC.md, "Snapshots". Files and directories are in the order of a walk. */
export const snapshotId = (hasher: Hasher, { directories, files }: Index): string => {
  const state = hasher.create()
  const encoder = new TextEncoder()
  for (const { content, path } of files) {
    state.update(encoder.encode(`f${path}\0`))
    state.update(content.hash)
  }
  for (const path of directories) state.update(encoder.encode(`d${path}\0`))
  return bytesToHex(state.digest())
}

/** Whether the store holds something that begins or ends as an archive does. */
export const recognise: (store: ObjectStore) => Effect.Effect<boolean, StoreError> = Effect.fnUntraced(
  function* (store: ObjectStore) {
    const size = yield* sizeOf(store)
    if (size === undefined || size < CONTENTS_AT) return false
    return hasMagic(yield* readArchive(store, 0, CONTENTS_AT)) ||
      hasMagic(yield* readArchive(store, size - CONTENTS_AT, CONTENTS_AT))
  },
)

/** Size of the archive; undefined when there is none. */
export const sizeOf = (store: ObjectStore): Effect.Effect<number | undefined, StoreError> =>
  absent(Effect.map(store.stat(ARCHIVE), ({ size }) => size))

/**
 * Reads both ends, twice when they are not what they should be. Fails with `none`, `foreign` (it neither begins nor
 * ends as an archive), or `corrupt`.
 */
export const readEnds: (store: ObjectStore) => Effect.Effect<Ends, FormatError> = Effect.fnUntraced(
  function* (store: ObjectStore) {
    const { location } = store.properties
    const size = yield* sizeOf(store)
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
        message: `${location} is no zprt archive of a version that is known: it does not begin with the magic number`,
      })
    }
    if (!begins) return yield* corrupt(location, "does not begin with the magic number: its begin is damaged")
    if (!ends) {
      return yield* corrupt(
        location,
        "does not end with the magic number: it was cut off, or not written to its end, or something was appended to it",
      )
    }
    const told = readNumber(trailer, 0)
    const end = size - TRAILER_BYTES
    const places: Array<IndexPlace> = []
    for (const [start, trailer] of [[end - told, "length"], [told, "position"]] as const) {
      if (start < CONTENTS_AT || start >= end || places[0]?.start === start) continue
      places.push({ start, length: end - start, trailer })
    }
    if (places.length === 0) {
      return yield* corrupt(location, `is damaged: by its trailer the index has ${told} bytes, which is not possible`)
    }
    return { size, places, trailer }
  },
  (read, store) => Effect.mapError(readTwice(ARCHIVE, read), asCorrupt(store.properties.location)),
)

/**
 * Of an archive of so many bytes, with that trailer, and `index` or more of it where the trailer says that the index
 * is.
 */
export const fingerprintOf = (size: number, trailer: Uint8Array, index: Uint8Array): string =>
  `${size} ${bytesToHex(trailer)} ${bytesToHex(index.subarray(0, HEAD_BYTES))}`

/** Its {@link fingerprintOf}, and the header of the index when it is there. */
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
    return { fingerprint: fingerprintOf(size, trailer, first!), header }
  })

/**
 * The archive as it is now: read only when it is not the one that was read last. Fails with `none`, `foreign`,
 * `corrupt` (cut off, altered, damaged), or `wrong-key`.
 */
export const loadArchive: (opened: Opened) => Effect.Effect<Archive, FormatError> = Effect.fnUntraced(
  function* (opened: Opened) {
    const { current, keyring, store } = opened
    const ends = yield* readEnds(store)
    const { fingerprint } = yield* readHead(store, ends)
    if (current.archive?.fingerprint === fingerprint) return current.archive
    let problem: FormatError | undefined
    for (const place of ends.places) {
      const read = yield* Effect.result(readIndex(opened, keyring, place))
      if (read._tag === "Success") return current.archive = { ...read.success, fingerprint }
      if (read.failure._tag !== "RepositoryError") return yield* Effect.fail(read.failure)
      problem ??= read.failure
      if (read.failure.reason === "wrong-key") problem = read.failure
    }
    return yield* Effect.fail(problem!)
  },
  (load, { store }) => Effect.mapError(readTwice(ARCHIVE, load, isWrongKey), asCorrupt(store.properties.location)),
)

const isWrongKey = ({ reason }: FormatError): boolean => reason === "wrong-key"

/** Reads the index at a place. Fails with `corrupt` or `wrong-key`. */
export const readIndex: (
  opened: Pick<Opened, "store" | "indexZstd" | "cipher" | "hasher">,
  keyring: Keyring,
  place: IndexPlace,
) => Effect.Effect<Omit<Archive, "fingerprint">, FormatError> = Effect.fnUntraced(
  function* (
    opened: Pick<Opened, "store" | "indexZstd" | "cipher" | "hasher">,
    keyring: Keyring,
    { length, start, trailer }: IndexPlace,
  ) {
    const { cipher, hasher, indexZstd, store } = opened
    const { location } = store.properties
    const broken = (how: string): RepositoryError => corrupt(location, `has a damaged index: ${how}`)
    if (length > INDEX_MAXIMUM) return yield* broken(`it has ${length} bytes`)
    let stored = yield* readArchive(store, start, Math.min(length, HEAD_BYTES))
    if (!isAge(stored)) return yield* broken("no age file is where it should be")
    let end = headerLength(stored)
    if (end === undefined && length > HEAD_BYTES) {
      stored = yield* readArchive(store, start, Math.min(length, AGE_HEADER_MAXIMUM))
      end = headerLength(stored)
    }
    if (end === undefined) return yield* broken("its header has no end")
    const opening = yield* keyring.keys.open(stored.subarray(0, end)).pipe(
      Effect.catchTag("KernelError", (error) => Effect.fail(broken(error.message))),
    )
    if (opening === undefined) {
      return yield* new RepositoryError({
        reason: "wrong-key",
        object: ARCHIVE,
        message: `No identity or password given opens the archive ${location}`,
      })
    }
    const payload = openPayload(cipher, opening.fileKey)
    const content = zstdContent(indexZstd, plainLimit(length))
    const parts: Array<Uint8Array> = []
    let last: Uint8Array = new Uint8Array(0)
    const take = (pieces: () => ReadonlyArray<Uint8Array>) =>
      Effect.mapError(
        catching(KernelError, () => {
          for (const piece of pieces()) {
            parts.push(...content.push(piece))
            last = piece
          }
        }),
        ({ message }) => broken(message),
      )
    // Some of it at a time: each piece is authentic before the next is read.
    yield* take(() => payload.push(stored.subarray(end)))
    for (let at = stored.length; at < length;) {
      const bytes = yield* readArchive(store, start + at, Math.min(READ_BYTES, length - at))
      at += bytes.length
      yield* take(() => payload.push(bytes))
    }
    yield* take(() => payload.end())
    const { index, layout } = yield* Effect.try({
      try: () => {
        parts.push(...content.end())
        return decodeIndex(concat(parts), start)
      },
      catch: (error) => {
        if (error instanceof KernelError) return broken(error.message)
        if (error instanceof IndexError) return corrupt(location, `has an index that ${error.message}`)
        throw error
      },
    })
    return { index, variant: { layout: layoutOf(index, layout, last), trailer }, id: snapshotId(hasher, index) }
  },
  (read, { store }) => Effect.mapError(readTwice(ARCHIVE, read, isWrongKey), asCorrupt(store.properties.location)),
)
