/** A repository as other programs write it: later forms, another order, other encodings of values. */
import { zstdCompressSync } from "node:zlib"
import { Effect, type Scope } from "effect"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { encodeMap } from "../../../formats/snapshot_catalog/blob_map.ts"
import { blobs, catalogName, extents } from "../../../formats/snapshot_catalog/layout.ts"
import type { SqliteEngine, SqliteError, SqliteValue } from "../../../stages/catalog/sqlite/sqlite.ts"
import { blake3 } from "../../../stages/hash/blake3.ts"
import { type Hasher, makeKernel } from "../../../stages/kernel/kernel.ts"
import type { ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { database, hex, text } from "./harness.ts"

export const hasher: Hasher = makeKernel(blake3, nativeKernels)
export const ID = "10b66bbfeb4e4a3bbe02986ff6c5e28f"

/** Only the tables of the document: other column types, no indexes, ROWIDs. */
const SCHEMA = `
CREATE TABLE metadata (key text PRIMARY KEY, value jsonb);
CREATE TABLE extents (extent_id blob PRIMARY KEY, bytes integer,
  fs_object_id integer, fs_checksum_type integer, fs_checksum blob);
CREATE TABLE blob_extents (blob_id blob, extent_id blob, "offset" integer, bytes integer);
CREATE TABLE blobs (blob_id blob PRIMARY KEY, bytes integer, extents integer);
CREATE TABLE files (
  file_id integer PRIMARY KEY AUTOINCREMENT, path blob, blob_id blob, ts_created date, ts_changed date,
  ts_modified date, ts_accessed date, attributes jsonb, unix_mode integer, unix_owner_id integer, unix_owner_name text,
  unix_group_id integer, unix_group_name text, special jsonb, fs_inode integer, extra jsonb
);
`

type Inserts = Array<readonly [sql: string, values: ReadonlyArray<SqliteValue>]>
const META = "INSERT INTO metadata VALUES (?, ?)"
const FILE = "INSERT INTO files (path, blob_id, ts_modified, unix_mode, special) VALUES (?, ?, ?, ?, ?)"

/** A content of several extents, each after a run of zeros, and zeros at the end. */
export interface Content {
  readonly parts: ReadonlyArray<readonly [zeros: number, bytes: Uint8Array]>
  readonly tail: number
}

export const whole = ({ parts, tail }: Content): Uint8Array =>
  new Uint8Array(
    Buffer.concat([...parts.flatMap(([zeros, bytes]) => [new Uint8Array(zeros), bytes]), new Uint8Array(tail)]),
  )

/** Stores the extents and the map of a content, and returns the rows of the blob. `nulls`: holes get rows too. */
const putBlob = Effect.fnUntraced(function* (store: ObjectStore, content: Content, nulls: boolean, rows: Inserts) {
  const bytes = whole(content)
  const blob = hasher.digest(bytes)
  let at = 0
  const entries = []
  const hole = (length: number): void => {
    if (nulls && length > 0) rows.push(["INSERT INTO blob_extents VALUES (?, NULL, ?, ?)", [blob, at, length]])
    at += length
  }
  for (const [zeros, part] of content.parts) {
    hole(zeros)
    const id = hasher.digest(part)
    yield* store.put(extents.nameOf(id), [part], { replace: true })
    rows.push(["INSERT OR IGNORE INTO extents (extent_id, bytes) VALUES (?, ?)", [id, part.length]])
    rows.push(["INSERT INTO blob_extents VALUES (?, ?, ?, ?)", [blob, id, at, part.length]])
    entries.push({ offset: at, length: part.length, id })
    at += part.length
  }
  hole(content.tail)
  rows.push(["INSERT INTO blobs VALUES (?, ?, ?)", [blob, bytes.length, entries.length]])
  yield* store.put(blobs.nameOf(blob), [encodeMap({ total: bytes.length, entries })], { replace: true })
  return blob
})

const metadata = (rows: Inserts, tree: string): void => {
  for (
    const [key, value] of Object.entries({
      protocol: "1",
      id: JSON.stringify("10B66BBF-EB4E-4A3B-BE02-986FF6C5E28F"),
      machine: JSON.stringify("ab".repeat(16)),
      tree: JSON.stringify(tree),
      created: JSON.stringify("2024-02-29T12:00:00.250+02:00"),
      machine_hostname: JSON.stringify("elsewhere"),
      source_path: JSON.stringify("/srv"),
      name: JSON.stringify("a name"),
    })
  ) rows.push([META, [key, value]])
}

export const contents: Readonly<Record<"plain" | "holes" | "only a hole", Content>> = {
  plain: { parts: [[0, text("one ")], [0, text("two")]], tail: 0 },
  holes: { parts: [[3000, text("island")], [2_000_000, text("second")]], tail: 5 },
  "only a hole": { parts: [], tail: 100 },
}

/** How the program writes its catalogs. */
export interface Ways {
  readonly wrap?: boolean
  readonly flat?: boolean
  /** Holes get rows without an ID. */
  readonly nulls?: boolean
  /** How trees are hashed; absent if they are not. */
  readonly tree?: "document" | "program"
}

/** Writes a repository with one snapshot, and returns the name of its catalog. */
export const writeForeign: (
  store: ObjectStore,
  ways: Ways,
) => Effect.Effect<string, StoreError | SqliteError, SqliteEngine | Scope.Scope> = Effect.fnUntraced(
  function* (store: ObjectStore, ways: Ways) {
    const rows: Inserts = []
    // Not in the order of a walk.
    const [plain, holes, hole] = yield* Effect.forEach(
      Object.values(contents),
      (content) => putBlob(store, content, ways.nulls === true, rows),
    )
    const files: ReadonlyArray<readonly [string, Uint8Array]> = [["d/z", plain!], ["d/holes", holes!], ["d.txt", hole!]]
    metadata(rows, ways.tree === undefined ? "cd".repeat(32) : treeHash(files, ways.tree))
    rows.push([FILE, [text("d/z"), plain!, "2001-02-03T04:05:06.123456789Z", 0o100640, null]])
    rows.push([FILE, [text("d/holes"), holes!, 981_173_106_123, 0o100644, null]])
    rows.push([FILE, [text("d.txt"), hole!, null, null, null]])
    rows.push([FILE, [text("d"), null, null, 0o40755, `{"type":"directory"}`]])
    rows.push([FILE, [text("d/b"), null, null, null, `{"type":"symlink","target":"../é"}`]])
    rows.push([FILE, [text("d/hard"), null, null, null, `{"type":"hardlink","target":"d/z"}`]])
    rows.push([FILE, [text("weird"), null, null, null, `{"type":"teapot"}`]])
    rows.push([`UPDATE files SET special = jsonb(special) WHERE path = CAST('d' AS BLOB)`, []])
    rows.push([`UPDATE metadata SET value = jsonb(value) WHERE key = 'source_path'`, []])
    const bytes = yield* database(SCHEMA, undefined, rows)
    const name = ways.flat === true ? `catalogs/${ID}` : catalogName(ID)
    yield* store.put(name, [ways.wrap === true ? new Uint8Array(zstdCompressSync(bytes)) : bytes])
    return name
  },
)

/** The tree hash of files with these contents, as in the document or as in the later program. */
export const treeHash = (files: ReadonlyArray<readonly [string, Uint8Array]>, form: "document" | "program"): string => {
  const entries = files.map(([path, blob]) => {
    const name = Buffer.from(path)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(name.length)
    return { name, bytes: Buffer.concat([length, name, blob]) }
  })
  const sizes = new Map(
    Object.values(contents).map((content) => [hex(hasher.digest(whole(content))), whole(content).length]),
  )
  const sizeOf = (blobs: Iterable<string>): bigint =>
    [...blobs].reduce((sum, blob) => sum + BigInt(sizes.get(blob)!), 0n)
  const ids = files.map(([, blob]) => hex(blob))
  const header = Buffer.alloc(34)
  header.set([1, 32])
  const counts = [sizeOf(ids), sizeOf(new Set(ids)), BigInt(ids.length), BigInt(new Set(ids).size)]
  counts.forEach((count, i) => header.writeBigUInt64LE(count, 2 + 8 * i))
  const sorted = form === "document"
    ? entries.sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    : entries.sort((a, b) => Buffer.compare(a.name, b.name))
  return hex(
    hasher.digest(Buffer.concat([form === "document" ? header : Buffer.alloc(0), ...sorted.map(({ bytes }) => bytes)])),
  )
}
