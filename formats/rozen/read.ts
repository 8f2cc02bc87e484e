/** Reads a snapshot. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { repeatedChunks } from "../../stages/catalog/repeated.ts"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import { contents } from "../../stages/fetch/contents.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { listedOnce } from "../../stages/store/listed_once.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { wanted } from "../../stages/walk/wanted.ts"
import { fromSqliteError } from "./errors.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { ReadOptions, SnapshotInfo } from "../repository.ts"
import { tellUnlisted } from "../unlisted.ts"
import { catalogOpener } from "./mend.ts"
import { catalogEntries, type Opened, restoring } from "./opened.ts"
import { infoOf, listSnapshots, type SnapshotObject } from "./snapshot.ts"

/** Where the snapshots that were listed are: who then wants to read one need not list all again. */
export type Listed = WeakMap<SnapshotInfo, SnapshotObject>

/** The snapshots, oldest first. What cannot be read is logged as a warning: the others are still of use. */
export const snapshots = (opened: Opened, listed: Listed): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.gen(function* () {
    const { damaged, snapshots } = yield* listSnapshots(opened.store, opened.layout)
    yield* tellUnlisted(damaged.map(({ message }) => `${message}. Run "penstock rebuild"`))
    return snapshots.map((object) => {
      const info = infoOf(object.record)
      listed.set(info, object)
      return info
    })
  })

/** A snapshot that was listed; a rebuild may have put another in its place since. */
const lookUp = Effect.fnUntraced(function* ({ layout, store }: Opened, { id }: SnapshotInfo) {
  const { snapshots } = yield* listSnapshots(store, layout)
  const found = snapshots.find(({ record }) => record.id === id)
  return found ??
    (yield* new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${id}` }))
})

/** The entries of a snapshot with their content. */
export const entries = (
  opened: Opened,
  listed: Listed,
  snapshot: SnapshotInfo,
  options: ReadOptions = {},
): Stream.Stream<Entry, FormatError> =>
  Stream.unwrap(Effect.gen(function* () {
    const known = listed.get(snapshot) ?? (yield* lookUp(opened, snapshot))
    // One listing, after that of the snapshot, tells the indexes of catalogs and of content.
    const once = { ...opened, store: yield* listedOnce(opened.store, "INDEX/") }
    const [tree, found] = yield* treeOf(once, known).pipe(
      Effect.catchTag("RepositoryError", (error) =>
        Effect.flatMap(lookUp(opened, snapshot), (found) =>
          found.name === known.name ? Effect.fail(error) : treeOf(opened, found))),
    )
    const repeated = options.content === false
      ? () => false
      : yield* Effect.mapError(
        catching(SqliteError, () => repeatedChunks(tree.chunkLists(), found.catalog.size)),
        fromSqliteError(found.name),
      )
    const chosen = wanted(catalogEntries(tree, found.name), options)
    const remote = once.store.properties.remote === true && options.lazy !== true
    return options.content === false
      ? Stream.map(chosen, withoutContent)
      : contents(restoring(once, "data", remote ? wantedLists(tree, options) : undefined)(chosen), {
        repeated,
        lazy: options.lazy,
      }).pipe(
        Stream.provideService(ObjectStore, once.store),
      )
  }))

/** The chunk lists of what is asked for, in order. */
const wantedLists = (tree: Tree, { include }: ReadOptions): Iterable<Uint8Array> => ({
  *[Symbol.iterator]() {
    for (const { chunks, kind, path } of tree.entries()) if (include?.(path, kind) !== false) yield chunks
  },
})

const treeOf = (opened: Opened, snapshot: SnapshotObject) =>
  Effect.map(catalogOpener(opened)(snapshot), ({ tree }) => [tree, snapshot] as const)

/** An entry to be looked at only. */
export const withoutContent = ({ chunks: _chunks, reused: _reused, ...entry }: Stored): Entry => entry
