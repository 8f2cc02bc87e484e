/** The body of a log's segment: records, each with its kind, its length and its bytes. SPEC.md, "Logs". */
import type { TreeChange } from "../../stages/catalog/tree/change.ts"
import { decodeEntry, encodeEntry, EntryFormatError, type EntryReader } from "../../stages/catalog/tree/codec.ts"
import { CHUNK_BYTES, type StoredEntry } from "../../stages/catalog/tree/row.ts"
import { pathFromBytes, pathToBytes } from "../../stages/walk/path.ts"
import { corrupt } from "./errors.ts"
import { decodeRecord, encodeRecord, type SnapshotRecord } from "./snapshot.ts"

/** A body is closed when it has this many bytes. */
export const SEGMENT_BYTES: number = 4 << 20

/** Kinds of records. */
const PUT = 1
const REMOVE = 2
/** The end of the log: the snapshot's record. */
const END = 3
/** More chunks of the file in the record before. */
const MORE = 4

/** A record begins with u8 kind and u32 length. */
const HEAD_BYTES = 5

/**
 * Chunks of a file that one record lists. A longer list is divided, so that the length of a segment has a limit
 * whatever the file.
 */
const RECORD_CHUNKS = 1 << 16

/** A change in a log. `more`: further chunks of the file that the record before puts. */
export type LogChange = TreeChange | { readonly op: "more"; readonly chunks: Uint8Array }

/** What a segment holds. */
export interface Segment {
  readonly changes: ReadonlyArray<LogChange>
  /** In the last segment: the snapshot. */
  readonly record?: SnapshotRecord
}

/** Encodes records into bodies of about {@link SEGMENT_BYTES}. */
export class SegmentEncoder {
  /** The body that is being filled; it grows. */
  #body: Uint8Array = new Uint8Array(64 << 10)
  #length = 0
  #full: Array<Uint8Array> = []

  /** Adds a change. */
  add(change: TreeChange): void {
    if (change.op === "remove") return this.#append(REMOVE, pathToBytes(change.path))
    const { chunks } = change.entry
    const step = RECORD_CHUNKS * CHUNK_BYTES
    if (chunks.length <= step) return this.#append(PUT, encodeEntry(change.entry))
    this.#append(PUT, encodeEntry({ ...change.entry, chunks: chunks.subarray(0, step) }))
    for (let at = step; at < chunks.length; at += step) this.#append(MORE, chunks.subarray(at, at + step))
  }

  /** Ends the log. The record never starts a body of its own. */
  end(record: SnapshotRecord): void {
    this.#append(END, encodeRecord(record), false)
    this.#close()
  }

  /** The bodies that are full; each is given once, and is the caller's. */
  takeFull(): ReadonlyArray<Uint8Array> {
    const full = this.#full
    this.#full = []
    return full
  }

  #append(kind: number, bytes: Uint8Array, split = true): void {
    const end = (): number => this.#length + HEAD_BYTES + bytes.length
    if (split && this.#length > 0 && end() > SEGMENT_BYTES) this.#close()
    if (end() > this.#body.length) {
      const grown = new Uint8Array(Math.max(end(), Math.min(2 * this.#body.length, SEGMENT_BYTES)))
      grown.set(this.#body.subarray(0, this.#length))
      this.#body = grown
    }
    this.#body[this.#length] = kind
    new DataView(this.#body.buffer).setUint32(this.#length + 1, bytes.length, true)
    this.#body.set(bytes, this.#length + HEAD_BYTES)
    this.#length = end()
  }

  #close(): void {
    this.#full.push(this.#body.slice(0, this.#length))
    this.#length = 0
  }
}

/** Decodes the body of the segment `name`. Throws RepositoryError `corrupt`. */
export const decodeSegment = (name: string, body: Uint8Array): Segment => {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const changes: Array<LogChange> = []
  for (let at = 0; at < body.length;) {
    const kind = body[at]!
    const from = at + HEAD_BYTES
    const length = from > body.length ? Infinity : view.getUint32(at + 1, true)
    if (from + length > body.length) throw corrupt(name, `${name} is damaged: a record ends after the segment`)
    const bytes = body.subarray(from, from + length)
    at = from + length
    if (kind === END) return { changes, record: decodeRecord(name, bytes) }
    if (kind === REMOVE) changes.push({ op: "remove", path: pathFromBytes(bytes) })
    else if (kind === PUT) changes.push({ op: "put", entry: entryIn(name, bytes) })
    else if (kind === MORE && bytes.length % CHUNK_BYTES === 0) changes.push({ op: "more", chunks: bytes.slice() })
    else throw corrupt(name, `${name} is damaged: it has a record of kind ${kind}`)
  }
  return { changes }
}

/** The entry that a record puts. */
const entryIn = (name: string, bytes: Uint8Array): StoredEntry => {
  const reader: EntryReader = { bytes, at: 0 }
  try {
    const entry = decodeEntry(reader)
    if (reader.at === bytes.length) return entry
  } catch (error) {
    if (!(error instanceof EntryFormatError)) throw error
  }
  throw corrupt(name, `${name} is damaged: an entry of it does not decode`)
}
