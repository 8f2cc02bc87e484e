/** The tree hash: one name for the contents of all files by path. SPEC.md, "Tree hash". */
import { bytesToHex } from "@noble/hashes/utils.js"
import type { SqliteDatabase } from "../../stages/catalog/sqlite/sqlite.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Hasher } from "../../stages/kernel/kernel.ts"

/**
 * Which bytes the hash of a tree is made of. `document`: with the header, sorted by whole entries. `program`: what the later program computes: no header, sorted
 * by path.
 */
export type TreeForm = "document" | "program"
/** All forms. */
export const TREE_FORMS: ReadonlyArray<TreeForm> = ["document", "program"]

/** All files with content, of a catalog. */
const FILES = `SELECT CAST(path AS BLOB) AS p, blob_id FROM files WHERE blob_id IS NOT NULL ORDER BY `
/** The bytes of an entry begin with the length of its path, least significant byte first. */
const BY_ENTRY = "length(p) & 255, (length(p) >> 8) & 255, (length(p) >> 16) & 255, p"

/** Computes it from the tables of a catalog, in lowercase hex. Throws {@link SqliteError}. */
export const treeHash = (db: SqliteDatabase, hasher: Hasher, form: TreeForm): string => {
  const state = hasher.create()
  if (form === "document") state.update(header(db))
  for (const [path, blob] of db.prepare(FILES + (form === "document" ? BY_ENTRY : "p")).iterate()) {
    if (!(path instanceof Uint8Array) || !(blob instanceof Uint8Array)) {
      throw new SqliteError({ reason: "corrupt", message: "The catalog has a path or a blob ID that is not bytes" })
    }
    const entry = new Uint8Array(4 + path.length + blob.length)
    new DataView(entry.buffer).setUint32(0, path.length, true)
    entry.set(path, 4)
    entry.set(blob, 4 + path.length)
    state.update(entry)
  }
  return bytesToHex(state.digest())
}

const header = (db: SqliteDatabase): Uint8Array => {
  const bytes = new Uint8Array(34)
  const view = new DataView(bytes.buffer)
  bytes[0] = 1
  bytes[1] = 32
  const [files, fileBytes] = db.prepare(
    "SELECT count(*), coalesce(sum(blobs.bytes), 0) FROM files JOIN blobs USING (blob_id)",
  ).get()!
  const [blobs, blobBytes] = db.prepare(
    "SELECT count(*), coalesce(sum(bytes), 0) FROM blobs WHERE blob_id IN (SELECT blob_id FROM files)",
  ).get()!
  for (const [i, value] of [fileBytes, blobBytes, files, blobs].entries()) {
    view.setBigUint64(2 + 8 * i, BigInt(value as number | bigint), true)
  }
  return bytes
}
