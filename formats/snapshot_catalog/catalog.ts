/** Catalogs of the store, opened: what a snapshot consists of. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { absent } from "../../stages/store/absent.ts"
import { textToBytes } from "../../stages/catalog/tree/short_text.ts"
import {
  type SqliteDatabase,
  type SqliteEngine,
  SqliteError,
  type SqliteStatement,
  type SqliteValue,
} from "../../stages/catalog/sqlite/sqlite.ts"
import { zstd } from "../../stages/compress/zstd.ts"
import { zstdContent } from "../../stages/compress/zstd_stream.ts"
import { catching } from "../../stages/kernel/catching.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { ChunkListBuilder, emptyList } from "../../stages/hash/chunk_list.ts"
import { KernelError, type KernelTable, makeKernel } from "../../stages/kernel/kernel.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import type { Earlier } from "../../stages/walk/reuse.ts"
import { RepositoryError } from "../error.ts"
import type { BlobMap, MapEntry } from "./blob_map.ts"
import { corrupt, fromSqliteError } from "./errors.ts"
import { MAXIMUM_EXTENT, MAXIMUM_PLAIN, MAXIMUM_RATIO } from "./limits.ts"
import { type CatalogMetadata, readMetadata } from "./metadata.ts"
import { catalogName, flatCatalogName } from "./layout.ts"
import { entryOf, READ } from "./file_row.ts"
import { checkCatalogSchema } from "./schema.ts"

/** Bytes of an object that are read at once. */
const PIECE_BYTES = 1 << 20
/** What a database begins with, plain or wrapped: anything else is not read. */
const SQLITE: Uint8Array = new TextEncoder().encode("SQLite format 3\0")
const ZSTD_MAGIC: Uint8Array = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd)
/** Rows that are read at once. */
const BATCH = 256

/** A file or other entry of a catalog. */
export interface Listed extends Stored {
  /** 32 bytes; files only. */
  readonly blob?: Uint8Array
  /** Instead of `chunks`, when the content has holes: what is between the extents is zeros. */
  readonly map?: BlobMap
  /** Why there is no content. */
  readonly lost?: string
}

/** An open catalog. The methods throw {@link SqliteError}. */
export class Catalog {
  readonly db: SqliteDatabase
  readonly metadata: CatalogMetadata
  /** The name that it has in the store. */
  readonly object: string
  /** Whether it is wrapped in zstd there. */
  readonly wrapped: boolean
  readonly #blob: SqliteStatement
  readonly #extents: SqliteStatement
  readonly #find: SqliteStatement

  constructor(db: SqliteDatabase, metadata: CatalogMetadata, object: string, wrapped: boolean) {
    this.db = db
    this.metadata = metadata
    this.object = object
    this.wrapped = wrapped
    this.#blob = db.prepare("SELECT bytes FROM blobs WHERE blob_id = ?")
    this.#extents = db.prepare(
      `SELECT "offset", bytes, extent_id FROM blob_extents WHERE blob_id = ? ORDER BY "offset"`,
    )
    this.#find = db.prepare(`SELECT ${READ} FROM files WHERE path = ?`)
  }

  /** The file at a path, when its content can be taken over as it is. */
  lookup(path: string): (Earlier & Pick<Listed, "blob">) | undefined {
    const row = this.#find.get(textToBytes(path))
    const found = row && entryOf(row, 0, this.metadata.device)
    if (found === undefined || typeof found === "string" || found.blob === undefined) return undefined
    const listed = this.#withContent({ ...found.entry, size: 0, chunks: emptyList, reused: false }, found.blob)
    return listed.map === undefined && listed.lost === undefined ? listed : undefined
  }

  /** IDs of one kind, from a table of the catalog. */
  ids(kind: "extent" | "blob"): ChunkIndex {
    const ids = new ChunkIndex()
    const page = this.db.prepare(
      `SELECT ${kind}_id FROM ${kind}s WHERE ${kind}_id > ? ORDER BY ${kind}_id LIMIT ${BATCH}`,
    )
    for (let last: SqliteValue = new Uint8Array(0);;) {
      const rows = page.all(last)
      for (const [id] of rows) if (id instanceof Uint8Array && id.length === 32) ids.set(id, 0)
      if (rows.length < BATCH) return ids
      last = rows[rows.length - 1]![0]!
    }
  }

  /** All entries, depth-first. `unknown` is told of rows that are no entries. */
  *entries(unknown: (path: string, message: string) => void): Generator<Listed, void> {
    const { device, inOrder } = this.metadata
    const page = this.db.prepare(
      inOrder
        ? `SELECT file_id, ${READ} FROM files WHERE file_id > ? ORDER BY file_id LIMIT ${BATCH}`
        : `SELECT place, ${READ} FROM penstock_order JOIN files USING (file_id) WHERE place > ? ORDER BY place LIMIT ${BATCH}`,
    )
    for (let last: number | bigint = -(2n ** 63n);;) {
      const rows = page.all(last)
      for (const row of rows) {
        const found = entryOf(row, 1, device)
        if (typeof found === "string") {
          unknown(String(row[1] instanceof Uint8Array ? new TextDecoder().decode(row[1]) : row[1]), found)
          continue
        }
        const { blob, entry } = found
        const listed: Listed = { ...entry, size: 0, chunks: emptyList, reused: false }
        if (entry.kind !== "file") yield listed
        else {
          const id = blob ?? this.#blobOf(entry.linkTo)
          yield id === undefined
            ? { ...listed, lost: "the file that it is a link to is not there" }
            : this.#withContent(listed, id)
        }
      }
      if (rows.length < BATCH) return
      last = rows[rows.length - 1]![0] as number | bigint
    }
  }

  /** The extents of a blob; a string when the catalog contradicts itself: why. */
  map(blob: Uint8Array): BlobMap | string {
    const total = this.#blob.get(blob)?.[0]
    if (!isLength(total)) return "the catalog does not say how long it is"
    const entries: Array<MapEntry> = []
    let end = 0
    for (const [offset, length, id] of this.#extents.all(blob)) {
      if (!isLength(offset) || !isLength(length) || (id !== null && !(id instanceof Uint8Array && id.length === 32))) {
        return "one of its extents is not valid"
      }
      if (id !== null && length > MAXIMUM_EXTENT) {
        return `one of its extents has ${length} bytes, more than ${MAXIMUM_EXTENT}`
      }
      if (length === 0 || offset < end || offset + length > total) {
        return "its extents overlap or go beyond its end"
      }
      end = offset + length
      // A row without an ID is a hole, as the bytes without a row are.
      if (id !== null) entries.push({ offset, length, id })
    }
    return { total, entries }
  }

  #blobOf(link: string | undefined): Uint8Array | undefined {
    if (link === undefined) return undefined
    const row = this.#find.get(textToBytes(link))
    const found = row && entryOf(row, 0, undefined)
    return found === undefined || typeof found === "string" ? undefined : found.blob
  }

  #withContent(listed: Listed, blob: Uint8Array): Listed {
    const map = this.map(blob)
    if (typeof map === "string") return { ...listed, blob, lost: map }
    const chunks = chunksOf(map)
    const size = map.total
    const named = { ...listed, blob, contentId: blob, size }
    return chunks === undefined ? { ...named, map, sparse: true } : { ...named, chunks }
  }
}

/** The extents as a chunk list; undefined when there are holes. */
const chunksOf = ({ entries, total }: BlobMap): Uint8Array | undefined => {
  const list = new ChunkListBuilder()
  let end = 0
  for (const { id, length, offset } of entries) {
    if (offset !== end) return undefined
    list.add(id, length)
    end += length
  }
  return end === total ? list.take() : undefined
}

const isLength = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** The database of an object: plain, or wrapped in zstd. Fails with `corrupt`. */
export const openDatabase: (
  parts: { readonly store: ObjectStore; readonly engine: SqliteEngine; readonly table: KernelTable },
  object: string,
) => Effect.Effect<
  { readonly db: SqliteDatabase; readonly wrapped: boolean },
  RepositoryError | StoreError,
  Scope.Scope
> = Effect.fnUntraced(
  function* ({ engine, store, table }, object) {
    const { size } = yield* store.stat(object)
    const magic = yield* store.get(object, { offset: 0, length: Math.min(SQLITE.length, size) })
    const wrapped = ZSTD_MAGIC.every((byte, i) => magic[i] === byte)
    if (!wrapped && SQLITE.some((byte, i) => magic[i] !== byte)) {
      return yield* corrupt(object, `${object} is damaged: it is no SQLite database`)
    }
    const content: Stream.Stream<Uint8Array, RepositoryError | StoreError> = wrapped
      ? unwrap(pieces(store, object, size), table, object, size)
      : pieces(store, object, size)
    return yield* engine.open(content).pipe(
      Effect.map((db) => ({ db, wrapped })),
      Effect.mapError((error) => error instanceof SqliteError ? fromSqliteError(object)(error) : error),
    )
  },
)

const pieces = (store: ObjectStore, object: string, size: number): Stream.Stream<Uint8Array, StoreError> =>
  Stream.paginate(0, (offset: number) => {
    const length = Math.min(PIECE_BYTES, size - offset)
    const next = offset + length < size ? Option.some(offset + length) : Option.none<number>()
    return Effect.map(store.get(object, { offset, length }), (bytes) => [[bytes], next] as const)
  })

/** What is wrapped, a few MiB of it in memory at once. */
const unwrap = (
  stored: Stream.Stream<Uint8Array, StoreError>,
  table: KernelTable,
  object: string,
  size: number,
): Stream.Stream<Uint8Array, RepositoryError | StoreError> =>
  Stream.suspend(() => {
    const content = zstdContent(makeKernel(zstd(), table), Math.min(MAXIMUM_PLAIN, size * MAXIMUM_RATIO))
    const decode = (run: () => ReadonlyArray<Uint8Array>) =>
      Effect.mapError(
        catching(KernelError, run),
        (error) => corrupt(object, `${object} is damaged or altered: ${error.message}`, error),
      )
    return stored.pipe(
      Stream.mapEffect((bytes) => decode(() => content.push(bytes))),
      Stream.concat(Stream.fromEffect(Effect.suspend(() => decode(() => content.end())))),
      Stream.flattenIterable,
    )
  })

/**
 * Opens the catalog with a UUID in hex, as the object that it is, when that is known; twice when it is none. Fails with
 * `not-found` of the store, `corrupt` or `newer`.
 */
export const openCatalog: (
  parts: { readonly store: ObjectStore; readonly engine: SqliteEngine; readonly table: KernelTable },
  id: string,
  known?: string,
) => Effect.Effect<Catalog, RepositoryError | StoreError, Scope.Scope> = Effect.fnUntraced(
  function* (parts, id, known) {
    const open = (object: string) => Effect.map(openDatabase(parts, object), (opened) => ({ ...opened, object }))
    const { db, object, wrapped } = yield* known !== undefined ? open(known) : Effect.flatMap(
      absent(open(catalogName(id))),
      (found) => found === undefined ? open(flatCatalogName(id)) : Effect.succeed(found),
    )
    return yield* asCorrupt(object, () => {
      checkCatalogSchema(db)
      const metadata = readMetadata(db, object, id)
      if (!metadata.inOrder) {
        // So that a directory comes before what is in it, and all of that before anything else.
        db.exec("CREATE TABLE penstock_order (place INTEGER PRIMARY KEY, file_id INTEGER NOT NULL)")
        db.exec(
          `INSERT INTO penstock_order (file_id)
          SELECT file_id FROM files ORDER BY CAST(replace(CAST(path AS TEXT), '/', char(0)) AS BLOB)`,
        )
      }
      return new Catalog(db, metadata, object, wrapped)
    })
  },
  (open, _parts, id, known) => readTwice(known ?? catalogName(id), open),
)

/** Runs queries on a database from a store: whatever the engine does not like about it is damage. */
export const asCorrupt = <A>(object: string, run: () => A): Effect.Effect<A, RepositoryError> =>
  Effect.try({
    try: run,
    catch: (error) => {
      if (error instanceof SqliteError) return fromSqliteError(object)(error)
      if (error instanceof RepositoryError) return error
      throw error
    },
  })
