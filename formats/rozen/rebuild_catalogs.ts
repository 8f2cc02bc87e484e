/** The catalogs that a rebuild finds. Those that need pages of damaged packs are stored again. */
import { Equivalence } from "effect/Bytes"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import type { StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { openCatalog, storeCatalog } from "./catalog.ts"
import { isDamage } from "./errors.ts"
import type { Opened } from "./opened.ts"
import type { Forgotten } from "./forgotten.ts"
import { commitSnapshot, listSnapshots, snapshotName, type SnapshotObject, type SnapshotRecord } from "./snapshot.ts"

/** The snapshots that INDEX has. */
export interface Found {
  /** Those whose catalogs can be opened, by ID. */
  readonly good: ReadonlyMap<string, SnapshotObject>
  /** Those that are known, but whose catalogs cannot be opened. */
  readonly lost: ReadonlyArray<SnapshotObject>
  /** Why objects are no snapshots, or cannot be read. */
  readonly damaged: ReadonlyArray<RepositoryError>
  /** What was forgotten is neither of these. */
  readonly forgotten: Forgotten
}

/**
 * Tries all catalogs. `into` is the repository without its damaged packs; a catalog that cannot be opened there, but
 * can with them, is stored there again.
 */
export const findCatalogs: (
  opened: Opened,
  into: Opened,
) => Effect.Effect<Found, FormatError | SqliteError | KernelError> = Effect.fnUntraced(function* (opened, into) {
  const { damaged, forgotten, snapshots } = yield* listSnapshots(opened.store, opened.layout)
  const good = new Map<string, SnapshotObject>()
  const lost: Array<SnapshotObject> = []
  const unlessDamaged = <A, E, R>(catalog: Effect.Effect<A, E | RepositoryError, R | Scope.Scope>) =>
    Effect.scoped(catalog).pipe(
      Effect.catchIf(
        (error): error is RepositoryError & E => error instanceof RepositoryError && isDamage(error),
        () => Effect.succeed(undefined),
      ),
    )
  for (const snapshot of snapshots) {
    const found = (yield* unlessDamaged(Effect.as(openCatalog(into, snapshot), snapshot))) ??
      (opened === into ? undefined : yield* unlessDamaged(storeAgain(opened, into, snapshot)))
    if (found === undefined) lost.push(snapshot)
    else good.set(snapshot.record.id, found)
  }
  return { good, lost, damaged, forgotten }
})

/** Stores a catalog again, and commits its snapshot again when the pages have other chunks now. */
const storeAgain = Effect.fnUntraced(function* (opened: Opened, into: Opened, snapshot: SnapshotObject) {
  const { db } = yield* openCatalog(opened, snapshot)
  const catalog = yield* storeCatalog(into, db)
  if (Equivalence(catalog.chunks, snapshot.catalog.chunks)) return snapshot
  const committed = yield* commitAgain(into, snapshot.record, catalog)
  yield* opened.store.remove(snapshot.name)
  return committed
})

/** Commits a snapshot under the next number. Gives its object. */
export const commitAgain: (
  opened: Opened,
  record: SnapshotRecord,
  catalog: SnapshotObject["catalog"],
) => Effect.Effect<SnapshotObject, RepositoryError | StoreError> = Effect.fnUntraced(
  function* ({ layout, store }, record, catalog) {
    const { next } = yield* listSnapshots(store, layout)
    const { number } = yield* commitSnapshot(store, layout, next, record, catalog)
    return { name: snapshotName(number, record.id), record, catalog }
  },
)
