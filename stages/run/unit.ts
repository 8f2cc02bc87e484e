/** The synchronous heart of an executor: stores the entries of a unit through a lane. Runs on any thread. */
import { SourceError } from "../walk/errors.ts"
import { metadataAsRead, readUntilUnchanged } from "../walk/reread.ts"
import { emptyList } from "../hash/chunk_list.ts"
import type { Lane } from "./lane.ts"
import type { Planned, Steps } from "../plan/plan.ts"
import { type Stored, unreadable, withoutContent } from "../plan/stored.ts"
import type { OnRead } from "./progress.ts"
import type { Entry, Reader, ReaderContent } from "../walk/entry.ts"

/** Blocks are handed on when this many of their bytes wait. */
export const EMIT_BYTES: number = 2 << 20

/**
 * Stores entries whose content is not a stream, one after the other. Adds what became of them to `results`. Pauses
 * after a few MiB, so that blocks can be taken.
 */
export function* storeAll(
  lane: Lane,
  onRead: OnRead,
  entries: ReadonlyArray<Planned<Steps>>,
  results: Array<Stored>,
): Generator<void, void> {
  let bytes = 0
  for (const entry of entries) {
    const stored = yield* store(lane, onRead, entry)
    results.push(stored)
    bytes += stored.size ?? 0
    if (lane.readyBytes >= EMIT_BYTES || bytes >= EMIT_BYTES) {
      bytes = 0
      yield
    }
  }
}

function* store(lane: Lane, onRead: OnRead, entry: Planned<Steps>): Generator<void, Stored> {
  const { content, known } = entry
  if (entry.kind !== "file") return { ...withoutContent(entry), chunks: emptyList, reused: false }
  if (known !== undefined) return { ...withoutContent(entry), chunks: known, reused: true }
  if (content === undefined) return { ...withoutContent(entry), size: 0, chunks: emptyList, reused: false }
  if (content instanceof Uint8Array) {
    lane.begin()
    lane.push(content)
    onRead(entry.path, content.length)
    return { ...withoutContent(entry), size: content.length, ...endContent(lane), reused: false }
  }
  try {
    return yield* storeReader(lane, onRead, withoutContent(entry), content as ReaderContent)
  } catch (error) {
    if (error instanceof SourceError) return unreadable(entry, error)
    throw error
  }
}

function* storeReader(lane: Lane, onRead: OnRead, entry: Entry, content: ReaderContent): Generator<void, Stored> {
  const read = yield* readUntilUnchanged(() => readOnce(lane, onRead, entry.path, content))
  return { ...entry, size: read.size, ...endContent(lane), ...metadataAsRead(entry, read), reused: false }
}

/** Reads a content into a lane, and leaves the end of it to the caller. */
function* readOnce(
  lane: Lane,
  onRead: OnRead,
  path: string,
  content: ReaderContent,
): Generator<void, ReturnType<Reader["finish"]>> {
  const reader = content.open()
  try {
    lane.begin(content.extents)
    const scratch = lane.direct ? undefined : new Uint8Array(EMIT_BYTES)
    for (;;) {
      const into = scratch ?? lane.space()
      const length = reader.read(into)
      onRead(path, length)
      if (scratch === undefined) lane.wrote(length)
      else lane.push(scratch.subarray(0, length))
      if (length < into.length) return reader.finish()
      yield
    }
  } finally {
    reader.close()
  }
}

/** Ends the content of a lane. Returns its chunks, and its name when the plan has a digest. */
export const endContent = (lane: Lane): Pick<Stored, "chunks" | "digest"> => {
  const chunks = lane.end()
  return lane.digest === undefined ? { chunks } : { chunks, digest: lane.digest }
}
