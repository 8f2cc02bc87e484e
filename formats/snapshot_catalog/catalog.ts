/** A catalog that is open for reading: the entries of a snapshot and what their content consists of. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Earlier } from "../../stages/catalog/reuse.ts"
import type { SqliteDatabase, SqliteStatement, SqliteValue } from "../../stages/catalog/sqlite/sqlite.ts"
import { textToBytes } from "../../stages/catalog/tree/short_text.ts"
import { ChunkListBuilder, emptyList } from "../../stages/hash/chunk_list.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { absent } from "../../stages/store/absent.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { FormatError } from "../error.ts"
import type { BlobMap, MapEntry } from "./blob_map.ts"
import { type DatabaseAccess, openDatabase, type StoredDatabase } from "./database.ts"
import { catchingDamage } from "./errors.ts"
import { entryOf, isId, READ } from "./file_row.ts"
import { catalogName, flatCatalogName } from "./layout.ts"
import { MAXIMUM_EXTENT } from "./limits.ts"
import { type CatalogMetadata, readMetadata } from "./metadata.ts"
import { checkCatalogSchema } from "./schema.ts"

/** Rows that are read at once. */
const BATCH = 256

/** An entry as a catalog lists it. */
export interface Listed extends Stored {
  /** The ID of the content, 32 bytes; files only. */
  readonly blob?: Uint8Array
  /** Set instead of `chunks` for content with holes: the gaps between its extents are zeros. */
  readonly map?: BlobMap
  /** Why the content cannot be read. */
  readonly lost?: string
}

/** The methods throw {@link SqliteError}. */
export class Catalog {
  readonly db: SqliteDatabase
  readonly metadata: CatalogMetadata
  /** Its name in the store. */
  readonly object: string
  /** Whether it is wrapped in zstd there. */
  readonly wrapped: boolean
  /** Bytes of its content after the end of the database. */
  readonly extraBytes: number
  readonly #blob: SqliteStatement
  readonly #extents: SqliteStatement
  readonly #find: SqliteStatement

  constructor({ db, extraBytes, wrapped }: StoredDatabase, metadata: CatalogMetadata, object: string) {
    this.db = db
    this.metadata = metadata
    this.object = object
    this.wrapped = wrapped
    this.extraBytes = extraBytes
    this.#blob = db.prepare("SELECT bytes FROM blobs WHERE blob_id = ?")
    this.#extents = db.prepare(
      `SELECT "offset", bytes, extent_id FROM blob_extents WHERE blob_id = ? ORDER BY "offset"`,
    )
    this.#find = db.prepare(`SELECT ${READ} FROM files WHERE path = ?`)
  }

  /** The file at a path; undefined if there is none, or if its content has holes or is lost. */
  lookup(path: string): (Earlier & Pick<Listed, "blob">) | undefined {
    const row = this.#find.get(textToBytes(path))
    const found = row && entryOf(row, 0, this.metadata.device)
    if (found === undefined || typeof found === "string" || found.blob === undefined) return undefined
    const listed = this.#withContent({ ...found.entry, size: 0, chunks: emptyList, reused: false }, found.blob)
    return listed.map === undefined && listed.lost === undefined ? listed : undefined
  }

  /** All IDs of one kind. */
  ids(kind: "extent" | "blob"): ChunkIndex {
    const ids = new ChunkIndex()
    const page = this.db.prepare(
      `SELECT ${kind}_id FROM ${kind}s WHERE ${kind}_id > ? ORDER BY ${kind}_id LIMIT ${BATCH}`,
    )
    for (let last: SqliteValue = new Uint8Array(0);;) {
      const rows = page.all(last)
      for (const [id] of rows) if (isId(id)) ids.set(id, 0)
      if (rows.length < BATCH) return ids
      last = rows[rows.length - 1]![0]!
    }
  }

  /** All entries, depth-first. Rows of an unknown kind are left out and passed to `unknown`. */
  *entries(unknown: (path: string, message: string) => void): Generator<Listed, void> {
    const { device, inOrder } = this.metadata
    const page = this.db.prepare(
      inOrder
        ? `SELECT file_id, ${READ} FROM files WHERE file_id > ? ORDER BY file_id LIMIT ${BATCH}`
        : `SELECT place, ${READ} FROM penstock_order JOIN files USING (file_id)` +
          ` WHERE place > ? ORDER BY place LIMIT ${BATCH}`,
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
            ? { ...listed, lost: "the file that it is a hard link to is missing" }
            : this.#withContent(listed, id)
        }
      }
      if (rows.length < BATCH) return
      last = rows[rows.length - 1]![0] as number | bigint
    }
  }

  /** The extents of a blob; if the catalog contradicts itself, a string that says how. */
  map(blob: Uint8Array): BlobMap | string {
    const total = this.#blob.get(blob)?.[0]
    if (!isLength(total)) return "the catalog does not give its length"
    const entries: Array<MapEntry> = []
    let end = 0
    for (const [offset, length, id] of this.#extents.all(blob)) {
      if (!isLength(offset) || !isLength(length) || (id !== null && !isId(id))) return "one of its extents is not valid"
      if (id !== null && length > MAXIMUM_EXTENT) {
        return `one of its extents has ${length} bytes, more than ${MAXIMUM_EXTENT}`
      }
      if (length === 0 || offset < end || offset + length > total) {
        return "its extents overlap or go beyond its end"
      }
      end = offset + length
      // A row without an ID is a hole, like a range without a row.
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

/** The extents as a chunk list; undefined if there are holes. */
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

/**
 * Opens the catalog with a UUID in hex; `known` is its object, if that is known. A catalog that looks damaged is read
 * twice. Fails with `not-found` of the store, `corrupt` or `newer`.
 */
export const openCatalog: (
  access: DatabaseAccess,
  id: string,
  known?: string,
) => Effect.Effect<Catalog, FormatError, Scope.Scope> = Effect.fnUntraced(
  function* (access, id, known) {
    const openObject = (object: string) => Effect.map(openDatabase(access, object), (stored) => ({ ...stored, object }))
    const { object, ...stored } = yield* known !== undefined ? openObject(known) : Effect.flatMap(
      absent(openObject(catalogName(id))),
      (found) => found === undefined ? openObject(flatCatalogName(id)) : Effect.succeed(found),
    )
    return yield* catchingDamage(object, () => {
      const { db } = stored
      checkCatalogSchema(db)
      const metadata = readMetadata(db, object, id)
      if (!metadata.inOrder) orderByPath(db)
      return new Catalog(stored, metadata, object)
    })
  },
  (open, _access, id, known) => readTwice(known ?? catalogName(id), open),
)

/** Makes a table with the files in the order of a walk: depth-first, a directory before what is in it. */
const orderByPath = (db: SqliteDatabase): void => {
  db.exec("CREATE TABLE penstock_order (place INTEGER PRIMARY KEY, file_id INTEGER NOT NULL)")
  db.exec(
    `INSERT INTO penstock_order (file_id)
    SELECT file_id FROM files ORDER BY CAST(replace(CAST(path AS TEXT), '/', char(0)) AS BLOB)`,
  )
}
