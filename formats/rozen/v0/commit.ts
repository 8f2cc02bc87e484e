/** The end of a run: its log, then the index object, which makes it a snapshot. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { catching } from "../../../stages/kernel/catching.ts"
import { type SqliteDatabase, SqliteError } from "../../../stages/catalog/sqlite/sqlite.ts"
import { openTree, type Tree } from "../../../stages/catalog/tree/tree.ts"
import type { FormatError } from "../../error.ts"
import { logAll } from "../snapshot_write.ts"
import { LogWriter } from "../log.ts"
import type { SnapshotRecord } from "../snapshot.ts"
import type { Opened } from "./layout.ts"
import { segmentsOf } from "./log.ts"
import { commitSnapshot, listSnapshots } from "./snapshot.ts"

/** A catalog at hand. */
export interface Catalog {
  readonly db: SqliteDatabase
  readonly tree: Tree
}

/** An empty catalog. */
export const emptyCatalog: (opened: Opened) => Effect.Effect<Catalog, SqliteError, Scope.Scope> = Effect.fnUntraced(
  function* ({ engine }) {
    const db = yield* engine.open()
    return { db, tree: yield* catching(SqliteError, () => openTree(db)) }
  },
)

/** Writes both. The log lists all that the catalog holds. Gives the record as stored, and the bytes stored. */
export const commitRun: (
  opened: Opened,
  catalog: Catalog,
  record: Omit<SnapshotRecord, "log">,
) => Effect.Effect<
  { readonly record: SnapshotRecord; readonly stored: number },
  FormatError | SqliteError
> = Effect.fnUntraced(function* (opened, { db, tree }, record) {
  const log = yield* LogWriter.make(opened.store, yield* segmentsOf(opened, record.id))
  yield* logAll(tree, log)
  const ended = yield* log.end((segments) => ({ ...record, log: { segments, full: true, changes: 0 } }))
  const { next } = yield* listSnapshots(opened)
  const committed = yield* commitSnapshot(opened, next, ended, db)
  return { record: ended, stored: log.stored + committed }
}, Effect.scoped)
