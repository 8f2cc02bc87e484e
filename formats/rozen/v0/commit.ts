/** The end of a run: its log, then the index object, which makes it a snapshot. */
import * as Effect from "effect/Effect"
import type { SqliteError } from "../../../stages/catalog/sqlite/sqlite.ts"
import type { FormatError } from "../../error.ts"
import type { Catalog } from "../catalog.ts"
import { LogWriter } from "../log_write.ts"
import type { SnapshotRecord } from "../snapshot.ts"
import { segmentWriter } from "./log.ts"
import type { Opened } from "./opened.ts"
import { commitSnapshot, listSnapshots } from "./snapshot.ts"

/**
 * Writes the log, which lists all that the catalog holds, and the index object. Gives the record as it is stored, and
 * the bytes stored.
 */
export const commitRun: (
  opened: Opened,
  catalog: Catalog,
  record: Omit<SnapshotRecord, "log">,
) => Effect.Effect<
  { readonly record: SnapshotRecord; readonly stored: number },
  FormatError | SqliteError
> = Effect.fnUntraced(function* (opened, { db, tree }, record) {
  const log = yield* LogWriter.make(opened.store, yield* segmentWriter(opened, record.id))
  yield* log.addAll(tree)
  const ended = yield* log.end((segments) => ({ ...record, log: { segments, full: true, changes: 0 } }))
  const { next } = yield* listSnapshots(opened)
  const committed = yield* commitSnapshot(opened, next, ended, db)
  return { record: ended, stored: log.stored + committed }
}, Effect.scoped)
