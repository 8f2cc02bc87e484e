/** The tree hash, over the paths and contents of all files. SPEC.md, "Tree hash". */
import { bytesToHex } from "@noble/hashes/utils.js"
import { type SqliteDatabase, SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { type Hasher, ID_BYTES } from "../../stages/kernel/kernel.ts"

/**
 * Which bytes the hash of a tree is made of. `document` has a header, and entries are sorted by all their bytes.
 * `program` is what the later program computes: no header, and entries are sorted by path.
 */
export type TreeForm = "document" | "program"
/** All forms. */
export const TREE_FORMS: ReadonlyArray<TreeForm> = ["document", "program"]

/** All files of a catalog that have content. */
const FILES = `SELECT CAST(path AS BLOB) AS p, blob_id FROM files WHERE blob_id IS NOT NULL ORDER BY `
/** Sorts by whole entries, which begin with the length of the path, least significant byte first. */
const BY_ENTRY = "length(p) & 255, (length(p) >> 8) & 255, (length(p) >> 16) & 255, p"

/** Computes the tree hash from the tables of a catalog, as hex. Throws {@link SqliteError}. */
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
  bytes[1] = ID_BYTES
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
