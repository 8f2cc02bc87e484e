/** Lists snapshots, and gives the entries of one. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { repeatedChunks } from "../../stages/catalog/repeated.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import { contents } from "../../stages/fetch/contents.ts"
import { catching } from "../../stages/kernel/catching.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { listedOnce } from "../../stages/store/listed_once.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { selectEntries } from "../../stages/walk/select_entries.ts"
import type { FormatError } from "../error.ts"
import type { ReadOptions, Repository, SnapshotEntry, SnapshotInfo } from "../repository.ts"
import { tellUnlisted } from "../unlisted.ts"
import { catalogEntries, catalogOpener, openListed } from "./catalog.ts"
import { fromSqliteError } from "./errors.ts"
import { forget } from "./forget.ts"
import { type Opened, recipeFor } from "./opened.ts"
import { findSnapshot, infoOf, listSnapshots, type SnapshotObject, type Snapshots } from "./snapshot.ts"

/**
 * Reads the snapshots of a repository, and forgets them. The last listing is remembered as long as the repository is
 * open: reading a snapshot that it has does not list them again.
 */
export const makeReader = (opened: Opened): Required<Pick<Repository, "snapshots" | "entries" | "forget">> => {
  let last: ReadonlyArray<SnapshotObject> = []
  const list = Effect.map(listSnapshots(opened.store, opened.layout), (listed) => {
    last = listed.snapshots
    return listed
  })
  return {
    snapshots: Effect.flatMap(list, (listed) =>
      Effect.andThen(
        Effect.forEach(listed.forgotten.problems, ({ message }) => Effect.logWarning(message), { discard: true }),
        infosOf(listed),
      )),
    entries: (snapshot, options = {}) => {
      const find = Effect.flatMap(list, ({ snapshots }) => findSnapshot(snapshots, snapshot.id))
      const listed = Effect.catch(Effect.suspend(() => findSnapshot(last, snapshot.id)), () => find)
      return Stream.unwrap(Effect.flatMap(listed, (known) => readEntries(opened, known, find, options)))
    },
    forget: (snapshots) => Effect.ensuring(forget(opened, snapshots), Effect.sync(() => void (last = []))),
  }
}

/** What a listing shows. Tells of the snapshots that cannot be read; the others are still of use. */
export const infosOf = (
  { damaged, snapshots }: Snapshots<Pick<SnapshotObject, "record">>,
): Effect.Effect<ReadonlyArray<SnapshotInfo>> =>
  Effect.as(
    tellUnlisted(damaged.map(({ message }) => `${message}. Run "penstock rebuild"`)),
    snapshots.map(({ record }) => infoOf(record)),
  )

/** The entries of a snapshot with their content. `find` looks the snapshot up again. */
const readEntries = Effect.fnUntraced(function* (
  opened: Opened,
  known: SnapshotObject,
  find: Effect.Effect<SnapshotObject, FormatError>,
  options: ReadOptions,
) {
  // One listing, made after that of the snapshot, tells the indexes of catalogs and of content.
  const once = { ...opened, store: yield* listedOnce(opened.store, "INDEX/") }
  const open = (snapshot: SnapshotObject) => catalogOpener(snapshot === known ? once : opened)(snapshot)
  const { snapshot, tree } = yield* openListed(known, find, open)
  const chosen = selectEntries(catalogEntries(tree, snapshot.name), options)
  if (options.content === false) return Stream.map(chosen, options.chunks === true ? withChunks : withoutContent)
  const repeated = yield* Effect.mapError(
    catching(SqliteError, () => repeatedChunks(tree.chunkLists(), snapshot.catalog.size)),
    fromSqliteError(snapshot.name),
  )
  const remote = once.store.properties.remote === true && options.lazy !== true
  return contents(recipeFor(once, "data", remote ? wantedLists(tree, options) : undefined)(chosen), {
    repeated,
    lazy: options.lazy,
  }).pipe(Stream.provideService(ObjectStore, once.store)) as Stream.Stream<Entry, FormatError>
})

/** The chunk lists of the entries that are wanted, in order. */
const wantedLists = (tree: Tree, { include, lazy }: ReadOptions): Iterable<Uint8Array> => ({
  *[Symbol.iterator]() {
    for (const entry of tree.entries()) {
      if (include?.(entry.path, entry.kind) === false || typeof lazy === "function" && lazy(entry)) continue
      yield entry.chunks
    }
  },
})

/** An entry that is only looked at, with its chunks. */
const withChunks = ({ reused: _reused, ...entry }: Stored): SnapshotEntry => entry

/** An entry that is only looked at. */
const withoutContent = ({ chunks: _chunks, reused: _reused, ...entry }: Stored): Entry => entry
