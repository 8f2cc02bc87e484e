/**
 * `DATA/<xx>.roz-log/<snapshot>/<NNNN>.roz-log`: what a run changed, with paths, metadata and chunks, so that catalogs
 * can be made again when INDEX is lost. SPEC.md, "Logs".
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { decodeEntry, encodeEntry, EntryFormatError, type EntryReader } from "../../stages/catalog/tree/codec.ts"
import type { TreeChange } from "../../stages/catalog/tree/tree.ts"
import { CHUNK_BYTES } from "../../stages/catalog/tree/row.ts"
import { packsAtOnce } from "../../stages/store/at_once.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { makeUploads, type Uploads } from "../../stages/store/uploads.ts"
import { release } from "../../stages/memory/release.ts"
import { pathFromBytes, pathToBytes } from "../../stages/walk/path.ts"
import { RepositoryError } from "../error.ts"
import { asDamage, corrupt } from "./errors.ts"
import type { Layout } from "./layout.ts"
import { getSealed, putSealed } from "./sealed.ts"
import { decodeRecord, encodeRecord, type SnapshotRecord } from "./snapshot.ts"

/** A segment is closed when its body has so many bytes. */
export const SEGMENT_BYTES: number = 4 << 20
const PUT = 1
const REMOVE = 2
/** The end of the log: the snapshot's record. */
const END = 3
/** More chunks of the file before it. */
const MORE = 4

/**
 * Chunks of a file that one record lists: a longer list is divided, so that segments have a limit whatever the file.
 */
const RECORD_CHUNKS = 1 << 16

export const segmentName = (snapshot: string, number: number): string =>
  `DATA/${snapshot.slice(0, 2)}.roz-log/${snapshot}/${String(number).padStart(4, "0")}.roz-log`

const NAME = /^DATA\/[0-9a-f]{2}\.roz-log\/([0-9a-f]{64})\/(\d{4,})\.roz-log$/

/** Stores the body of a segment. Returns the bytes stored. */
export type PutSegment = (segment: number, body: Uint8Array) => Effect.Effect<number, RepositoryError | StoreError>

/** Stores the segments of the log of one run. */
export const putSegment = (store: ObjectStore, layout: Layout, snapshot: string): PutSegment => (segment, body) =>
  putSealed(store, layout, layout.logs, segmentName(snapshot, segment), body, {
    unique: true,
  })

type LogError = RepositoryError | StoreError

/**
 * Writes the log of one run. Segments are gathered in memory; `flush` starts to write those that are full, `end` waits
 * for them.
 */
export class LogWriter {
  readonly #putSegment: PutSegment
  readonly #uploads: Uploads<LogError>
  /** The segment that is being filled. */
  #segment: Uint8Array = new Uint8Array(64 << 10)
  #length = 0
  #full: Array<Uint8Array> = []
  /** Segments written. */
  segments = 0
  /** Changes logged. */
  changes = 0
  /** Bytes stored. */
  stored = 0

  private constructor(put: PutSegment, uploads: Uploads<LogError>) {
    this.#putSegment = put
    this.#uploads = uploads
  }

  /** `put` writes to `store`. What is being written when the scope closes is interrupted. */
  static make(store: ObjectStore, put: PutSegment): Effect.Effect<LogWriter, never, Scope.Scope> {
    return Effect.map(
      makeUploads<LogError>(packsAtOnce(store, SEGMENT_BYTES)),
      (uploads) => new LogWriter(put, uploads),
    )
  }

  /** Adds a change. */
  add(change: TreeChange): void {
    this.changes++
    if (change.op === "remove") return this.#append(REMOVE, pathToBytes(change.path))
    const { chunks } = change.entry
    const step = RECORD_CHUNKS * CHUNK_BYTES
    if (chunks.length <= step) return this.#append(PUT, encodeEntry(change.entry))
    this.#append(PUT, encodeEntry({ ...change.entry, chunks: chunks.subarray(0, step) }))
    for (let at = step; at < chunks.length; at += step) this.#append(MORE, chunks.subarray(at, at + step))
  }

  /** Starts to write the segments that are full. */
  readonly flush: Effect.Effect<void, LogError> = Effect.suspend(() => {
    const full = this.#full
    this.#full = []
    return Effect.forEach(full, (body) => this.#uploads.start(this.#put(body, this.segments++)), { discard: true })
  })

  /** Ends the log, durably: the last segment, when the others are there. `record` is given the number of segments. */
  end(record: (segments: number) => SnapshotRecord): Effect.Effect<SnapshotRecord, LogError> {
    const settle = Effect.andThen(this.flush, this.#uploads.settle)
    const last = Effect.suspend(() => {
      const last = record(this.segments + 1)
      this.#append(END, encodeRecord(last), false)
      this.#close()
      return Effect.as(settle, last)
    })
    return Effect.andThen(settle, last)
  }

  #append(op: number, body: Uint8Array, split = true): void {
    if (split && this.#length > 0 && this.#length + body.length + 5 > SEGMENT_BYTES) this.#close()
    const end = this.#length + 5 + body.length
    if (end > this.#segment.length) {
      const grown = new Uint8Array(Math.max(end, Math.min(2 * this.#segment.length, SEGMENT_BYTES)))
      grown.set(this.#segment.subarray(0, this.#length))
      this.#segment = grown
    }
    this.#segment[this.#length] = op
    new DataView(this.#segment.buffer).setUint32(this.#length + 1, body.length, true)
    this.#segment.set(body, this.#length + 5)
    this.#length = end
  }

  #close(): void {
    this.#full.push(this.#segment.slice(0, this.#length))
    this.#length = 0
  }

  #put(body: Uint8Array, number: number): Effect.Effect<void, LogError> {
    return Effect.map(this.#putSegment(number, body), (stored) => {
      release(body)
      this.stored += stored
    })
  }
}

/** What a record of a log says. `more`: further chunks of the file that was put by the record before. */
export type LogChange = TreeChange | { readonly op: "more"; readonly chunks: Uint8Array }

/** What a segment holds. */
export interface Segment {
  readonly changes: ReadonlyArray<LogChange>
  /** In the last one: the snapshot. */
  readonly record?: SnapshotRecord
}

/** Reads a segment. Fails with `corrupt` when it cannot be had. */
export const readSegment = (
  store: ObjectStore,
  layout: Layout,
  name: string,
): Effect.Effect<Segment, RepositoryError | StoreError> =>
  getSealed(store, layout, layout.logs, name).pipe(
    Effect.flatMap((body) => catching(RepositoryError, () => decodeSegment(name, body))),
    Effect.mapError((error) =>
      error._tag === "StoreError" && error.reason === "not-found" ? corrupt(name, `${name} is missing`) : error
    ),
    Effect.mapError(asDamage(name)),
  )

/** Reads the body of the segment `name`. Throws RepositoryError `corrupt`. */
export const decodeSegment = (name: string, body: Uint8Array): Segment => {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const changes: Array<LogChange> = []
  for (let at = 0; at < body.length;) {
    const op = body[at]!
    const length = at + 5 > body.length ? Infinity : view.getUint32(at + 1, true)
    if (at + 5 + length > body.length) throw corrupt(name, `${name} is damaged: a record ends after the segment`)
    const bytes = body.subarray(at + 5, at + 5 + length)
    at += 5 + length
    if (op === END) return { changes, record: decodeRecord(name, bytes) }
    if (op === REMOVE) changes.push({ op: "remove", path: pathFromBytes(bytes) })
    else if (op === PUT) changes.push({ op: "put", entry: entryOf(name, bytes) })
    else if (op === MORE && bytes.length % CHUNK_BYTES === 0) changes.push({ op: "more", chunks: bytes.slice() })
    else throw corrupt(name, `${name} is damaged: it has a record of kind ${op}`)
  }
  return { changes }
}

const entryOf = (name: string, bytes: Uint8Array) => {
  const reader: EntryReader = { bytes, at: 0 }
  try {
    const entry = decodeEntry(reader)
    if (reader.at === bytes.length) return entry
  } catch (error) {
    if (!(error instanceof EntryFormatError)) throw error
  }
  throw corrupt(name, `${name} is damaged: an entry of it does not decode`)
}

/** The logs that are there: names of segments by snapshot, in order. */
export const listLogs = (store: ObjectStore): Effect.Effect<ReadonlyMap<string, ReadonlyArray<string>>, StoreError> =>
  Effect.map(Stream.runCollect(store.list("DATA/")), (objects) => {
    const logs = new Map<string, Array<string>>()
    for (const { name } of objects) {
      const snapshot = NAME.exec(name)?.[1]
      if (snapshot === undefined) continue
      const segments = logs.get(snapshot)
      if (segments === undefined) logs.set(snapshot, [name])
      else segments.push(name)
    }
    for (const segments of logs.values()) segments.sort((a, b) => Number(NAME.exec(a)![2]) - Number(NAME.exec(b)![2]))
    return logs
  })
