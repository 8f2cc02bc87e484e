/** Writes the catalog of a new snapshot. */
import { bytesToHex } from "@noble/hashes/utils.js"
import type { Recorder } from "../../stages/catalog/record.ts"
import { type SqliteDatabase, SqliteError, type SqliteStatement } from "../../stages/catalog/sqlite/sqlite.ts"
import { misuse } from "../../stages/catalog/tree/row.ts"
import { chunkCount, chunkId, chunkLength } from "../../stages/hash/chunk_list.ts"
import type { Hasher } from "../../stages/kernel/kernel.ts"
import { pathProblem } from "../../stages/walk/path.ts"
import type { BlobMap, MapEntry } from "./blob_map.ts"
import { rowOf, WRITTEN } from "./file_row.ts"
import { type CatalogMetadata, writeMetadata } from "./metadata.ts"
import { createIndexes, createTables } from "./schema.ts"
import { type TreeForm, treeHash } from "./tree_hash.ts"

/** Blobs that are read at once. */
const BATCH = 256

/** A catalog that is being written. The methods throw {@link SqliteError}. */
export class CatalogWriter implements Recorder {
  readonly #db: SqliteDatabase
  readonly #empty: Uint8Array
  readonly #known: (path: string) => Uint8Array | undefined
  readonly #file: SqliteStatement
  readonly #blob: SqliteStatement
  readonly #extent: SqliteStatement
  readonly #blobExtent: SqliteStatement
  #device: bigint | undefined

  /**
   * `db` must be empty. `hasher` is the one that names blobs. `known` gives the blob ID of a path in the parent
   * catalog, for files whose content was not read.
   */
  constructor(db: SqliteDatabase, hasher: Hasher, known: (path: string) => Uint8Array | undefined) {
    createTables(db)
    this.#db = db
    this.#empty = hasher.digest(new Uint8Array(0))
    this.#known = known
    const marks = WRITTEN.split(", ").fill("?").join(", ")
    this.#file = db.prepare(`INSERT OR IGNORE INTO files (${WRITTEN}) VALUES (${marks}) RETURNING 1`)
    this.#blob = db.prepare("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?) RETURNING 1")
    this.#extent = db.prepare("INSERT OR IGNORE INTO extents (extent_id, bytes) VALUES (?, ?)")
    this.#blobExtent = db.prepare(
      `INSERT INTO blob_extents (blob_id, extent_id, "offset", bytes) VALUES (?, ?, ?, ?)`,
    )
  }

  begin(): void {
    this.#db.exec("BEGIN")
  }

  put(entry: Parameters<Recorder["put"]>[0]): void {
    const { chunks, digest, kind, metadata, path } = entry
    const problem = pathProblem(path)
    if (problem !== undefined) throw misuse(path, problem)
    if (metadata.inode !== undefined) this.#device ??= metadata.device
    const blob = kind === "file" ? this.#name(path, chunks, digest) : undefined
    // The statement only ignores rows with a path that is there already.
    if (this.#file.get(...rowOf(entry, blob, this.#device)) === undefined) throw misuse(path, "the path came before")
    if (blob === undefined) return
    const count = chunkCount(chunks)
    if (this.#blob.get(blob, entry.size, count) === undefined) return
    for (let i = 0, offset = 0; i < count; i++) {
      const id = chunkId(chunks, i)
      const length = chunkLength(chunks, i)
      this.#extent.run(id, length)
      this.#blobExtent.run(blob, id, offset, length)
      offset += length
    }
  }

  removeUnseen(): number {
    return 0
  }

  commit(): void {
    this.#db.exec("COMMIT")
  }

  /** All blobs and their maps, ordered by ID. Call it after {@link commit}. */
  *maps(): Generator<{ readonly blob: Uint8Array; readonly map: BlobMap }, void> {
    const page = this.#db.prepare(`SELECT blob_id, bytes FROM blobs WHERE blob_id > ? ORDER BY blob_id LIMIT ${BATCH}`)
    const extents = this.#db.prepare(
      `SELECT "offset", bytes, extent_id FROM blob_extents WHERE blob_id = ? ORDER BY "offset"`,
    )
    for (let last: Uint8Array = new Uint8Array(0);;) {
      const rows = page.all(last)
      for (const [blob, total] of rows) {
        const entries = extents.all(blob as Uint8Array).map(([offset, length, id]): MapEntry => ({
          offset: offset as number,
          length: length as number,
          id: id as Uint8Array,
        }))
        yield { blob: blob as Uint8Array, map: { total: total as number, entries } }
      }
      if (rows.length < BATCH) return
      last = rows[rows.length - 1]![0] as Uint8Array
    }
  }

  /**
   * Writes the metadata and the indexes, and returns the metadata. Call it after {@link commit}; then the bytes of the
   * database are complete.
   */
  finish(about: Pick<CatalogMetadata, "info" | "started">, hasher: Hasher, form: TreeForm): CatalogMetadata {
    const metadata: CatalogMetadata = {
      ...about,
      tree: treeHash(this.#db, hasher, form),
      treeForm: form,
      inOrder: true,
      ...(this.#device !== undefined && { device: this.#device }),
    }
    writeMetadata(this.#db, metadata)
    createIndexes(this.#db)
    return metadata
  }

  /** The blob ID of a file. */
  #name(path: string, chunks: Uint8Array, digest: Uint8Array | undefined): Uint8Array {
    if (digest !== undefined) return digest
    // The content was not read. A blob of one extent has the ID of that extent.
    const count = chunkCount(chunks)
    const blob = count === 0 ? this.#empty : count === 1 ? chunkId(chunks, 0) : this.#known(path)
    if (blob === undefined) {
      throw new SqliteError({ reason: "query", message: `The content of "${path}" has no ID` })
    }
    return blob
  }
}

/** A fresh UUID (version 4, RFC 9562) in hex. */
export const freshUuid = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = bytes[6]! & 0x0f | 0x40
  bytes[8] = bytes[8]! & 0x3f | 0x80
  return bytesToHex(bytes)
}
