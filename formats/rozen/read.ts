/** Reads a snapshot. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { contents } from "../../stages/contents.ts"
import type { Stored } from "../../stages/executor.ts"
import { ObjectStore } from "../../stages/pack/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { wanted } from "../../stages/walk/wanted.ts"
import { type FormatError, type ReadOptions, RepositoryError, type SnapshotInfo } from "../format.ts"
import { catalogOpener } from "./mend.ts"
import { catalogEntries, type Opened, restoring } from "./opened.ts"
import { infoOf, listSnapshots, type SnapshotObject } from "./snapshot.ts"

/** Where the snapshots that were listed are: who then wants to read one need not list all again. */
export type Listed = WeakMap<SnapshotInfo, SnapshotObject>

/** The snapshots, oldest first. What cannot be read is logged as a warning: the others are still of use. */
export const snapshots = (opened: Opened, listed: Listed): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.gen(function* () {
    const { damaged, snapshots } = yield* listSnapshots(opened.store, opened.layout)
    for (const { message } of damaged) yield* Effect.logWarning(`${message}. Run "penstock rebuild"`)
    return snapshots.map((object) => {
      const info = infoOf(object.record)
      listed.set(info, object)
      return info
    })
  })

/** The catalog of a snapshot. */
const find = Effect.fnUntraced(function* (opened: Opened, listed: Listed, snapshot: SnapshotInfo) {
  const open = catalogOpener(opened)
  const known = listed.get(snapshot)
  // A rebuild may have put another in its place since.
  const catalog = known === undefined
    ? undefined
    : yield* Effect.catchTag(open(known), "RepositoryError", () => Effect.succeed(undefined))
  if (catalog !== undefined) return { tree: catalog.tree, name: known!.name }
  const { snapshots } = yield* listSnapshots(opened.store, opened.layout)
  const found = snapshots.find(({ record }) => record.id === snapshot.id)
  if (found !== undefined) return { tree: (yield* catalogOpener(opened)(found)).tree, name: found.name }
  return yield* new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${snapshot.id}` })
})

/** The entries of a snapshot with their content. */
export const entries = (
  opened: Opened,
  listed: Listed,
  snapshot: SnapshotInfo,
  options: ReadOptions = {},
): Stream.Stream<Entry, FormatError> =>
  Stream.unwrap(Effect.gen(function* () {
    const { name, tree } = yield* find(opened, listed, snapshot)
    const chosen = wanted(catalogEntries(tree, name), options)
    return options.content === false ? Stream.map(chosen, withoutContent) : contents(restoring(opened, "data")(chosen))
  })).pipe(Stream.provideService(ObjectStore, opened.store))

/** An entry to be looked at only. */
export const withoutContent = ({ chunks: _chunks, reused: _reused, ...entry }: Stored): Entry => entry
