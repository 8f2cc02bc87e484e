/** The tables of a catalog, and a check of those that other programs made. SPEC.md, "Catalogs". */
import { type SqliteDatabase, SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"

const TABLES = `
CREATE TABLE metadata (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE extents (
  extent_id BLOB NOT NULL PRIMARY KEY,
  bytes INTEGER NOT NULL,
  fs_object_id INTEGER,
  fs_checksum_type INTEGER,
  fs_checksum BLOB
) WITHOUT ROWID;
CREATE TABLE blob_extents (
  blob_id BLOB NOT NULL,
  extent_id BLOB NOT NULL,
  "offset" INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (blob_id, "offset")
) WITHOUT ROWID;
CREATE TABLE blobs (
  blob_id BLOB NOT NULL PRIMARY KEY,
  bytes INTEGER NOT NULL,
  extents INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE files (
  file_id INTEGER NOT NULL PRIMARY KEY,
  path BLOB NOT NULL,
  blob_id BLOB,
  ts_created INTEGER,
  ts_changed INTEGER,
  ts_modified INTEGER,
  ts_accessed INTEGER,
  attributes TEXT,
  unix_mode INTEGER,
  unix_owner_id INTEGER,
  unix_owner_name TEXT,
  unix_group_id INTEGER,
  unix_group_name TEXT,
  special TEXT,
  fs_inode INTEGER,
  extra TEXT
);
CREATE UNIQUE INDEX files_path ON files (path);
`

/** Made after all rows, so that they are as small as possible. */
const INDEXES = `
CREATE INDEX blob_extents_blob_id ON blob_extents (blob_id);
CREATE INDEX blob_extents_extent_id ON blob_extents (extent_id);
CREATE INDEX blob_extents_blob_id_extent_id ON blob_extents (blob_id, extent_id);
CREATE INDEX files_blob_id ON files (blob_id) WHERE blob_id IS NOT NULL;
CREATE INDEX files_ts_created ON files (ts_created) WHERE ts_created IS NOT NULL;
CREATE INDEX files_ts_changed ON files (ts_changed) WHERE ts_changed IS NOT NULL;
CREATE INDEX files_ts_modified ON files (ts_modified) WHERE ts_modified IS NOT NULL;
CREATE INDEX files_ts_accessed ON files (ts_accessed) WHERE ts_accessed IS NOT NULL;
`

/** The columns that a reader needs, by table. */
const NEEDED: Readonly<Record<string, ReadonlyArray<string>>> = {
  metadata: ["key", "value"],
  extents: ["extent_id", "bytes"],
  blob_extents: ["blob_id", "extent_id", "offset", "bytes"],
  blobs: ["blob_id", "bytes"],
  files: [
    "file_id",
    "path",
    "blob_id",
    "ts_changed",
    "ts_modified",
    "unix_mode",
    "unix_owner_id",
    "unix_owner_name",
    "unix_group_id",
    "unix_group_name",
    "special",
    "fs_inode",
    "extra",
  ],
}

/** The tables and columns of look-ups. Without an index, each look-up would read a whole table. */
const LOOKED_UP = [["files", "path"], ["blob_extents", "blob_id"], ["blobs", "blob_id"]] as const

/** Most objects in a schema. A catalog has 17; other programs may add some. */
const MAXIMUM_OBJECTS = 256

/** Makes the tables, and the index of paths. */
export const createTables = (db: SqliteDatabase): void => db.exec(TABLES)

/** Makes the other indexes, and removes unused space. */
export const createIndexes = (db: SqliteDatabase): void => {
  db.exec(INDEXES)
  db.exec("PRAGMA temp_store = FILE")
  db.exec("VACUUM")
}

/**
 * Makes sure that queries can run safely on a database from a store: it has plain tables with the columns `needed`,
 * nothing that runs code of its own, and pages that form trees, so that every query ends. Throws {@link SqliteError}
 * `corrupt`.
 */
export const checkSchema = (db: SqliteDatabase, needed: Readonly<Record<string, ReadonlyArray<string>>>): void => {
  const refuse = (message: string): never => {
    throw new SqliteError({ reason: "corrupt", message })
  }
  // Do not run the conditions of the schema.
  db.exec("PRAGMA ignore_check_constraints = ON")
  const found = db.prepare(`SELECT type, name, sql FROM sqlite_schema LIMIT ${MAXIMUM_OBJECTS + 1}`).all()
  if (found.length > MAXIMUM_OBJECTS) refuse("its schema is too large")
  for (const [type, name, sql] of found) {
    if ((type !== "table" && type !== "index") || (typeof sql === "string" && /^\s*CREATE\s+VIRTUAL/i.test(sql))) {
      refuse(`its schema has more than tables and indexes: ${name}`)
    }
  }
  for (const [table, columns] of Object.entries(needed)) {
    const known = new Map(
      db.prepare("SELECT name, hidden FROM pragma_table_xinfo(?)").all(table).map(([name, hidden]) => [name, hidden]),
    )
    if (known.size === 0) refuse(`it has no table "${table}"`)
    for (const column of columns) if (!known.has(column)) refuse(`its table "${table}" has no column "${column}"`)
    if ([...known.values()].some((hidden) => hidden !== 0)) refuse(`its table "${table}" has generated columns`)
  }
  const [verdict] = db.prepare("PRAGMA quick_check(1)").get() ?? []
  if (verdict !== "ok") refuse(String(verdict).slice(0, 200))
}

/** {@link checkSchema} for catalogs. Adds the indexes that look-ups need and that this catalog does not have. */
export const checkCatalogSchema = (db: SqliteDatabase): void => {
  checkSchema(db, NEEDED)
  for (const [table, column] of LOOKED_UP) {
    const indexed = db.prepare(
      `SELECT 1 FROM pragma_index_list(?) AS list JOIN pragma_index_xinfo(list.name) AS info
        WHERE info.seqno = 0 AND info.name = ? AND info.coll = 'BINARY' AND (list.partial = 0 OR list."unique" = 1)`,
    ).get(table, column)
    if (indexed === undefined) db.exec(`CREATE INDEX penstock_${table}_${column} ON ${table} (${column})`)
  }
}
