/** Writes the log of a run, in segments, whatever objects these are stored in: block version 0 has others. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TreeChange } from "../../stages/catalog/tree/change.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { release } from "../../stages/memory/release.ts"
import { packsAtOnce } from "../../stages/store/at_once.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { makeUploads, type Uploads } from "../../stages/store/uploads.ts"
import type { FormatError } from "../error.ts"
import { SEGMENT_BYTES, SegmentEncoder } from "./segment.ts"
import type { SnapshotRecord } from "./snapshot.ts"

/** Stores the body of a segment. Gives the bytes stored. */
export type PutSegment = (segment: number, body: Uint8Array) => Effect.Effect<number, FormatError>

/** Entries that are logged before other fibers get a turn. */
const BATCH = 1024

/**
 * Writes the log of one run. Segments are gathered in memory; `flush` starts to write those that are full, `end` waits
 * for them.
 */
export class LogWriter {
  readonly #putSegment: PutSegment
  readonly #uploads: Uploads<FormatError>
  readonly #encoder = new SegmentEncoder()
  /** Segments that were started. */
  segments = 0
  /** Changes logged. */
  changes = 0
  /** Bytes stored. */
  stored = 0

  private constructor(putSegment: PutSegment, uploads: Uploads<FormatError>) {
    this.#putSegment = putSegment
    this.#uploads = uploads
  }

  /** `putSegment` writes to `store`. Writes that are under way when the scope closes are interrupted. */
  static make(store: ObjectStore, putSegment: PutSegment): Effect.Effect<LogWriter, never, Scope.Scope> {
    return Effect.map(
      makeUploads<FormatError>(packsAtOnce(store, SEGMENT_BYTES)),
      (uploads) => new LogWriter(putSegment, uploads),
    )
  }

  /** Adds a change. */
  add(change: TreeChange): void {
    this.changes++
    this.#encoder.add(change)
  }

  /** Starts to write the segments that are full. */
  readonly flush: Effect.Effect<void, FormatError> = Effect.suspend(() =>
    Effect.forEach(
      this.#encoder.takeFull(),
      (body) => this.#uploads.start(this.#put(body, this.segments++)),
      { discard: true },
    )
  )

  /** Logs every entry of a tree. */
  readonly addAll: (tree: Tree) => Effect.Effect<void, FormatError | SqliteError> = Effect.fnUntraced(
    function* (this: LogWriter, tree: Tree) {
      const entries = tree.entries()
      for (let more = true; more;) {
        more = yield* catching(SqliteError, () => {
          for (let n = 0; n < BATCH; n++) {
            const { done, value } = entries.next()
            if (done === true) return false
            this.add({ op: "put", entry: value })
          }
          return true
        })
        yield* this.flush
      }
    },
  )

  /**
   * Ends the log, durably. The last segment is written when all others are there. `record` is given the number of
   * segments.
   */
  end(record: (segments: number) => SnapshotRecord): Effect.Effect<SnapshotRecord, FormatError> {
    const settle = Effect.andThen(this.flush, this.#uploads.settle)
    const last = Effect.suspend(() => {
      const last = record(this.segments + 1)
      this.#encoder.end(last)
      return Effect.as(settle, last)
    })
    return Effect.andThen(settle, last)
  }

  #put(body: Uint8Array, number: number): Effect.Effect<void, FormatError> {
    return Effect.map(this.#putSegment(number, body), (stored) => {
      release(body)
      this.stored += stored
    })
  }
}
