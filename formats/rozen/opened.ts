/** An opened repository, as its operations share it; and the catalogs of its snapshots. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { SourceError } from "../../stages/walk/errors.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { paged } from "../../stages/catalog/sqlite/paged.ts"
import { type SqliteDatabase, type SqliteEngine, SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { openTree, type Tree } from "../../stages/catalog/tree/tree.ts"
import { contents } from "../../stages/fetch/contents.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { openPackStore, type PackStore } from "../../stages/pack/pack_store.ts"
import type { Packing } from "../../stages/pack/packing.ts"
import { packsOf } from "../../stages/pack/packs.ts"
import { decompress, decrypt, type Fetched, unchunk, unpack, verify } from "../../stages/plan/recipe.ts"
import { contentStream } from "../../stages/walk/content.ts"
import type { RepositoryError } from "../error.ts"
import { corrupt, fromSqliteError } from "./errors.ts"
import type { Layout } from "./layout.ts"
import type { SnapshotObject } from "./snapshot.ts"

/** What every operation needs. */
export interface Opened {
  readonly id: string
  readonly store: ObjectStore
  readonly engine: SqliteEngine
  readonly layout: Layout
  /** What `ROZEN.json` holds. */
  readonly config: Uint8Array
  /** The packs of catalogs, when they were opened once for all. */
  readonly catalogs?: Packing | undefined
}

/**
 * The same, where the packs of catalogs are opened once for all: what is learnt of them is remembered, and what is
 * added later not seen. `known`: what the store holds, for who has looked.
 */
export const withCatalogs = (opened: Opened, known?: PackStore): Effect.Effect<Opened> =>
  Effect.gen(function* () {
    const { catalogs } = opened.layout
    const opening = known === undefined ? openPackStore(catalogs) : Effect.succeed(known)
    const packing = packsOf(catalogs, yield* Effect.cached(opening))
    return { ...opened, catalogs: { ...packing, read: yield* Effect.cached(packing.read) } }
  })

/** The way from stored entries to their content, for either kind of packs. `wanted`: see `packsOf`. */
export const restoring = (
  { catalogs, layout }: Opened,
  kind: "data" | "catalogs",
  wanted?: Iterable<Uint8Array>,
): <E, R>(stored: Stream.Stream<Stored, E, R>) => Stream.Stream<
  Fetched<readonly ["unpack", "decrypt", "decompress", "verify", "unchunk"]>,
  E,
  R
> => {
  const packing = kind === "catalogs" ? catalogs ?? packsOf(layout.catalogs) : packsOf(layout.data, undefined, wanted)
  return (stored) =>
    stored.pipe(
      unpack(packing),
      decrypt(layout.encrypt),
      decompress(layout.compress),
      verify(layout.hash),
      unchunk,
    )
}

/** The SQLite file of a catalog. Fails with `damaged` when a part of it is lost. */
const pages = (
  opened: Opened,
  { name, catalog }: SnapshotObject,
): Stream.Stream<Uint8Array, SourceError | StoreError> => {
  const file: Stored = {
    path: name,
    kind: "file",
    metadata: {},
    size: catalog.size,
    chunks: catalog.chunks,
    reused: false,
  }
  return Stream.flatMap(contents(restoring(opened, "catalogs")(Stream.succeed(file))), contentStream).pipe(
    Stream.provideService(ObjectStore, opened.store),
  )
}

/** An open catalog. */
export interface Catalog {
  readonly db: SqliteDatabase
  readonly tree: Tree
}

/** Opens the catalog of a snapshot. The database is a private copy. */
export const openCatalog = (
  opened: Opened,
  snapshot: SnapshotObject,
): Effect.Effect<Catalog, RepositoryError | StoreError, Scope.Scope> =>
  opened.engine.open(pages(opened, snapshot)).pipe(
    Effect.flatMap((db) => Effect.map(catching(SqliteError, () => openTree(db)), (tree) => ({ db, tree }))),
    Effect.mapError((error) => {
      if (error instanceof SqliteError) return fromSqliteError(snapshot.name)(error)
      if (!(error instanceof SourceError)) return error
      // All of the store is gone.
      if (error.reason === "io" && error.cause instanceof StoreError) return error.cause
      return corrupt(
        snapshot.name,
        `The catalog of snapshot ${
          snapshot.record.id.slice(0, 8)
        } is damaged; run "penstock rebuild". ${error.message}`,
        error,
      )
    }),
  )

/** The entries of a catalog, in arrays. `object` is the name of the snapshot's object, for errors. */
export const catalogEntries = (tree: Tree, object: string): Stream.Stream<Stored, RepositoryError> =>
  paged(() => tree.entries()).pipe(
    Stream.map((entry) => ({ ...entry, reused: false })),
    Stream.mapError(fromSqliteError(object)),
  )
