/**
 * Catalogs of snapshots. A catalog is a SQLite database that lists every entry. Its file is stored as the content of
 * any file is: in chunks of 16 pages, in packs of its own, so snapshots share the pages that did not change.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { paged } from "../../stages/catalog/sqlite/paged.ts"
import { type SqliteDatabase, type SqliteEngine, SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { openTree, type Tree } from "../../stages/catalog/tree/tree.ts"
import { chunk } from "../../stages/chunk/chunk.ts"
import { compress } from "../../stages/compress/compress.ts"
import { encrypt } from "../../stages/encrypt/encrypt.ts"
import { contents } from "../../stages/fetch/contents.ts"
import { hash } from "../../stages/hash/hash.ts"
import { catching } from "../../stages/kernel/catching.ts"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import { Lender } from "../../stages/memory/lent.ts"
import { pack } from "../../stages/pack/pack.ts"
import { packsOf } from "../../stages/pack/packs.ts"
import { plan } from "../../stages/plan/plan.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { contentStream } from "../../stages/walk/content.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { SourceError } from "../../stages/walk/errors.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { findDamagedPacks, withoutPacks } from "./damaged_packs.ts"
import { corrupt, fromSqliteError, isDamage } from "./errors.ts"
import { type Opened, recipeFor, withCatalogs } from "./opened.ts"
import type { SnapshotObject } from "./snapshot.ts"

/** Bytes of a catalog's file that are handed to the chunker at once. */
const PAGES_BYTES = 4 << 20

/** An open catalog. The database is a private copy, which closes with its scope. */
export interface Catalog {
  readonly db: SqliteDatabase
  readonly tree: Tree
}

/** The catalog in a database. */
export const catalogIn = (db: SqliteDatabase): Effect.Effect<Catalog, SqliteError> =>
  catching(SqliteError, () => ({ db, tree: openTree(db) }))

/** A catalog without entries. */
export const emptyCatalog = (engine: SqliteEngine): Effect.Effect<Catalog, SqliteError, Scope.Scope> =>
  Effect.flatMap(engine.open(), catalogIn)

/** Opens the catalog of a snapshot. Fails with `corrupt` when a part of it is lost. */
export const openCatalog = (
  opened: Opened,
  snapshot: SnapshotObject,
): Effect.Effect<Catalog, RepositoryError | StoreError, Scope.Scope> =>
  opened.engine.open(storedPages(opened, snapshot)).pipe(
    Effect.flatMap(catalogIn),
    Effect.mapError((error) => {
      if (error instanceof SqliteError) return fromSqliteError(snapshot.name)(error)
      if (!(error instanceof SourceError)) return error
      // The store as a whole cannot be reached: the catalog may be in order.
      if (error.reason === "io" && error.cause instanceof StoreError) return error.cause
      const short = snapshot.record.id.slice(0, 8)
      return corrupt(
        snapshot.name,
        `The catalog of snapshot ${short} is damaged; run "penstock rebuild". ${error.message}`,
        error,
      )
    }),
  )

/** The file of a catalog. Fails with SourceError `damaged` when a part of it is lost. */
const storedPages = (
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
  return Stream.flatMap(contents(recipeFor(opened, "catalogs")(Stream.succeed(file))), contentStream).pipe(
    Stream.provideService(ObjectStore, opened.store),
  )
}

/**
 * Opens catalogs as {@link openCatalog} does, with the packs of catalogs opened once for all. A catalog with damaged
 * pages is read again without the packs that are damaged, because a later backup that met the damage has stored those
 * pages once more. The damaged packs are searched once, and only when a catalog needs that.
 */
export const catalogOpener = (
  given: Opened,
): (snapshot: SnapshotObject) => Effect.Effect<Catalog, RepositoryError | StoreError, Scope.Scope> => {
  let opened = given
  let whole: Opened | undefined
  return Effect.fnUntraced(function* (snapshot) {
    if (opened.catalogs === undefined) opened = yield* withCatalogs(opened)
    return yield* Effect.catchTag(
      openCatalog(opened, snapshot),
      "RepositoryError",
      Effect.fnUntraced(function* (error) {
        if (error.reason !== "corrupt") return yield* error
        whole ??= withoutPacks(opened, yield* findDamagedPacks(opened))
        if (whole === opened) return yield* error
        return yield* Effect.catchTag(openCatalog(whole, snapshot), "RepositoryError", () => error)
      }),
    )
  })
}

/**
 * Opens the catalog of a snapshot that was listed. A rebuild may have put another object in the place of that one
 * since: when it does not open, `find` looks the snapshot up again, and the other is opened.
 */
export const openListed = <S extends { readonly name: string }>(
  listed: S,
  find: Effect.Effect<S, FormatError>,
  open: (snapshot: S) => Effect.Effect<Catalog, FormatError, Scope.Scope>,
): Effect.Effect<Catalog & { readonly snapshot: S }, FormatError, Scope.Scope> => {
  const opening = (snapshot: S) => Effect.map(open(snapshot), (catalog) => ({ ...catalog, snapshot }))
  return Effect.catchIf(
    opening(listed),
    (error) => error instanceof RepositoryError || isDamage(error),
    (error) => Effect.flatMap(find, (found) => found.name === listed.name ? Effect.fail(error) : opening(found)),
  )
}

/**
 * The catalog that a new snapshot starts from: a copy of its parent's, with `started` telling which that is; an empty
 * one when there is no parent or its catalog is damaged.
 */
export const startCatalog: <S>(
  engine: SqliteEngine,
  parent: S | undefined,
  open: (parent: S) => Effect.Effect<Catalog, FormatError, Scope.Scope>,
) => Effect.Effect<Catalog & { readonly started: S | undefined }, FormatError | SqliteError, Scope.Scope> = Effect
  .fnUntraced(function* (engine, parent, open) {
    if (parent !== undefined) {
      const copy = yield* open(parent).pipe(
        Effect.catchIf(
          isDamage,
          (error) => Effect.as(Effect.logWarning(`${error.message}. All files are read again`), undefined),
        ),
      )
      if (copy !== undefined) return { ...copy, started: parent }
    }
    return { ...yield* emptyCatalog(engine), started: undefined }
  })

/** Stores the file of a catalog. Chunks that it shares with earlier catalogs are there already. */
export const storeCatalog: (
  opened: Opened,
  db: SqliteDatabase,
) => Effect.Effect<
  SnapshotObject["catalog"] & { readonly bytesStored: number },
  FormatError | SqliteError | KernelError
> = Effect.fnUntraced(function* ({ catalogs, layout, store }, db) {
  const run = yield* layout.runs.current
  // A content that fails costs only that file. Here it is all there is, so its end is awaited on its own.
  const read = yield* Deferred.make<void, SqliteError>()
  const content = db.bytes(PAGES_BYTES).pipe(
    // Nothing else holds these pieces: each is freed as soon as it is cut into chunks.
    Stream.map((piece) => new Lender(piece, true).lend(piece)),
    Stream.concat(Stream.fromEffectDrain(Deferred.succeed(read, undefined))),
    Stream.catch((error) => Stream.fromEffectDrain(Deferred.fail(read, error))),
  )
  const [file] = yield* Stream.runCollect(
    plan(Stream.succeed<Entry>({ path: "catalog", kind: "file", metadata: {}, size: undefined, content })).pipe(
      chunk(layout.chunkCatalog),
      hash(layout.hash),
      compress(layout.compressCatalog),
      encrypt(run.blocks),
      pack(catalogs ?? packsOf(layout.catalogs)),
      Stream.provideService(ObjectStore, store),
    ),
  )
  yield* Deferred.await(read)
  return { size: file!.size!, chunks: file!.chunks, bytesStored: file!.stats().bytesStored }
})

/** The entries of a catalog, in order. `object` is the name of the snapshot's object, for errors. */
export const catalogEntries = (tree: Tree, object: string): Stream.Stream<Stored, RepositoryError> =>
  paged(() => tree.entries()).pipe(
    Stream.map((entry) => ({ ...entry, reused: false })),
    Stream.mapError(fromSqliteError(object)),
  )
