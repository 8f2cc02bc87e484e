/**
 * The schema of a tree: a SQLite database with the entries of one snapshot, which the next snapshot updates in place.
 */
import { type SqliteDatabase, SqliteError, type SqliteRow, type SqliteValue } from "../sqlite/sqlite.ts"

/** The `application_id` of a tree: "PSTK". */
export const APPLICATION_ID = 0x5053544b

/** The `user_version` of a tree. */
export const SCHEMA_VERSION = 1

/** The ID of the root directory. Its row has the name `""` and the parent 0, which does not exist. */
export const ROOT_ID = 1

const COUNTER = `CREATE TABLE counter (next INTEGER NOT NULL) STRICT`

const ENTRY = `CREATE TABLE entry (
  parent INTEGER NOT NULL,
  name BLOB NOT NULL,
  id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  size INTEGER NOT NULL,
  mode INTEGER,
  owner INTEGER,
  mtime INTEGER,
  ctime INTEGER,
  inode INTEGER,
  device INTEGER,
  sparse INTEGER,
  target BLOB,
  link BLOB,
  rdev INTEGER,
  content BLOB,
  PRIMARY KEY (parent, name)
) STRICT, WITHOUT ROWID`

const OWNER = `CREATE TABLE owner (id INTEGER PRIMARY KEY, uid INTEGER, gid INTEGER, user TEXT, grp TEXT) STRICT`

/**
 * Makes an empty database a tree, or checks that it is one. It must have exactly this schema, so that nothing in a
 * hostile database can run: no triggers, views or generated columns. Throws {@link SqliteError} `corrupt` when the
 * database is something else.
 */
export const ensureSchema = (db: SqliteDatabase): void => {
  const found = db.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all()
  const [application] = db.prepare("PRAGMA application_id").get() ?? []
  const [version] = db.prepare("PRAGMA user_version").get() ?? []
  if (found.length === 0 && application === 0 && version === 0) return create(db)
  checkSchema(found, application, version)
}

/**
 * Checks that a database is a tree: type, name and statement of all that is in its schema, by their names, and its two
 * numbers. Throws {@link SqliteError} `corrupt` when the database is something else.
 */
export const checkSchema = (
  found: ReadonlyArray<SqliteRow>,
  application: SqliteValue | undefined,
  version: SqliteValue | undefined,
): void => {
  if (application !== APPLICATION_ID) throw corrupt("The database is not the catalog of a tree")
  if (typeof version === "number" && version > SCHEMA_VERSION) {
    throw corrupt(`The catalog has version ${version}, which this Penstock does not know; use a later one`)
  }
  const expected = [["counter", COUNTER], ["entry", ENTRY], ["owner", OWNER]] as const
  const same = found.length === expected.length &&
    expected.every(([name, sql], i) => found[i]![0] === "table" && found[i]![1] === name && found[i]![2] === sql)
  if (version !== SCHEMA_VERSION || !same) throw corrupt("The catalog has another schema than that of a tree")
}

const create = (db: SqliteDatabase): void => {
  db.exec("BEGIN")
  for (const sql of [ENTRY, OWNER, COUNTER]) db.exec(sql)
  db.exec(`INSERT INTO counter VALUES (${ROOT_ID})`)
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
  db.exec("COMMIT")
}

const corrupt = (message: string): SqliteError => new SqliteError({ reason: "corrupt", message })
