/** Reads a snapshot. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { attempt } from "../../stages/catalog/record.ts"
import { repeatedChunks } from "../../stages/catalog/repeated.ts"
import { contents } from "../../stages/contents.ts"
import type { Stored } from "../../stages/executor.ts"
import { ObjectStore } from "../../stages/pack/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { wanted } from "../../stages/walk/wanted.ts"
import { fromSqliteError } from "./errors.ts"
import { type FormatError, type ReadOptions, RepositoryError, type SnapshotInfo } from "../format.ts"
import { catalogOpener } from "./mend.ts"
import { catalogEntries, type Opened, restoring } from "./opened.ts"
import { infoOf, listSnapshots } from "./snapshot.ts"

/** The snapshots, oldest first. What cannot be read is logged as a warning: the others are still of use. */
export const snapshots = (opened: Opened): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.gen(function* () {
    const { damaged, snapshots } = yield* listSnapshots(opened.store, opened.layout)
    for (const { message } of damaged) yield* Effect.logWarning(`${message}. Run "penstock rebuild"`)
    return snapshots.map(({ record }) => infoOf(record))
  })

/** The entries of a snapshot with their content. */
export const entries = (
  opened: Opened,
  snapshot: SnapshotInfo,
  options: ReadOptions = {},
): Stream.Stream<Entry, FormatError> =>
  Stream.unwrap(Effect.gen(function* () {
    const { snapshots } = yield* listSnapshots(opened.store, opened.layout)
    const found = snapshots.find(({ record }) => record.id === snapshot.id)
    if (found === undefined) {
      return yield* new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${snapshot.id}` })
    }
    const { tree } = yield* catalogOpener(opened)(found)
    const repeated = options.content === false ? () => false : yield* Effect.mapError(
      attempt(() => repeatedChunks(tree.chunkLists(), found.catalog.size)),
      fromSqliteError(found.name),
    )
    const all = catalogEntries(tree, found.name)
    const chosen = wanted(all, options)
    return options.content === false
      ? Stream.map(chosen, withoutContent)
      : contents(restoring(opened, "data")(chosen), { repeated, lazy: options.lazy })
  })).pipe(Stream.provideService(ObjectStore, opened.store))

/** An entry to be looked at only. */
export const withoutContent = ({ chunks: _chunks, reused: _reused, ...entry }: Stored): Entry => entry
