/** The SQLite file: its tables, its statements, and how it is opened. */
import { closeSync, existsSync, fchmodSync, openSync } from "node:fs"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { codeOf } from "../local/file_error.ts"
import { STALE_MS } from "../../../stages/store/name.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { PIECES } from "./pieces.ts"

/** `PRAGMA application_id` of these files: "PENS". */
const APPLICATION = 0x50454e53
/** `PRAGMA user_version`: the version of the tables. */
const VERSION = 1
/** How long a write waits for another process, in milliseconds. */
const BUSY_MS = 60_000

/** An object without a name is not finished. Freed pages are used again, but the file does not shrink. */
const SCHEMA = `
CREATE TABLE object (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  size INTEGER NOT NULL,
  started INTEGER NOT NULL
) STRICT;
CREATE TABLE piece (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
PRAGMA application_id = ${APPLICATION};
PRAGMA user_version = ${VERSION};
`

/** All statements of a store. */
export interface Statements {
  readonly start: StatementSync
  readonly addPiece: StatementSync
  readonly removePieces: StatementSync
  readonly removeObject: StatementSync
  readonly publish: StatementSync
  readonly find: StatementSync
  readonly readPieces: StatementSync
  readonly list: StatementSync
  readonly findStale: StatementSync
}

/** Prepares all statements. */
export const prepareStatements = (db: DatabaseSync): Statements => ({
  start: db.prepare("INSERT INTO object (name, size, started) VALUES (NULL, 0, ?)"),
  addPiece: db.prepare("INSERT INTO piece (id, bytes) VALUES (?, ?)"),
  removePieces: db.prepare("DELETE FROM piece WHERE id >= ? AND id < ?"),
  removeObject: db.prepare("DELETE FROM object WHERE id = ?"),
  publish: db.prepare("UPDATE object SET name = ?, size = ? WHERE id = ?"),
  find: db.prepare("SELECT id, size FROM object WHERE name = ?"),
  readPieces: db.prepare("SELECT bytes FROM piece WHERE id >= ? AND id <= ? ORDER BY id"),
  list: db.prepare("SELECT name, size FROM object WHERE name > ? AND name < ? ORDER BY name LIMIT ?"),
  findStale: db.prepare("SELECT id FROM object WHERE name IS NULL AND started < ?"),
})

/** Removes an object and its pieces. */
export const discardObject = (sql: Statements, id: number): void => {
  sql.removePieces.run(id * PIECES, (id + 1) * PIECES)
  sql.removeObject.run(id)
}

/** Runs `work` in a transaction: all of it takes effect, or nothing. */
export const inTransaction = <A>(db: DatabaseSync, work: () => A, begin = "BEGIN IMMEDIATE"): A => {
  db.exec(begin)
  try {
    const result = work()
    db.exec("COMMIT")
    return result
  } catch (error) {
    try {
      db.exec("ROLLBACK")
    } catch {
      // SQLite has rolled back by itself.
    }
    throw error
  }
}

/**
 * Makes the file with mode 0600. SQLite gives the files beside it the same mode, and reports what keeps the file from
 * being made.
 */
const makeFile = (path: string): void => {
  let fd: number
  try {
    fd = openSync(path, "wx", 0o600)
  } catch (error) {
    if (codeOf(error) !== "EEXIST" || existsSync(path)) return
    throw new StoreError({
      reason: "io",
      object: "",
      message: `${path} is a symbolic link to a file that does not exist: make that file, or name another`,
    })
  }
  // The umask may have taken some of the owner's rights.
  fchmodSync(fd, 0o600)
  closeSync(fd)
}

/**
 * Opens the file, or makes it if `create` is set. Removes what killed processes left unfinished before
 * `now - STALE_MS`. Throws a {@link StoreError}, or an error of SQLite.
 */
export const openDatabase = (
  DatabaseOf: typeof DatabaseSync,
  path: string,
  create: boolean,
  now: number,
): DatabaseSync => {
  if (!create && !existsSync(path)) {
    throw new StoreError({ reason: "not-found", object: "", message: `There is no file ${path}` })
  }
  if (create && !existsSync(path)) makeFile(path)
  const db = new DatabaseOf(path)
  try {
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
    const number = (pragma: string): number => Number(Object.values(db.prepare(`PRAGMA ${pragma}`).get() as object)[0])
    const isNew = (): boolean => number("application_id") === 0 && number("schema_version") === 0
    if (isNew()) {
      db.exec("PRAGMA journal_mode = WAL")
      // Another process may have made the tables meanwhile.
      if (create) inTransaction(db, () => isNew() && db.exec(SCHEMA))
    }
    if (number("application_id") !== APPLICATION) {
      throw new StoreError({ reason: "corrupt", object: "", message: `${path} is not a store of Penstock` })
    }
    if (number("user_version") !== VERSION) {
      throw new StoreError({ reason: "io", object: "", message: `A later Penstock wrote ${path}: update this one` })
    }
    // A completed put or commit survives a power failure.
    db.exec("PRAGMA synchronous = FULL")
    removeStale(db, now)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const removeStale = (db: DatabaseSync, now: number): void => {
  const sql = prepareStatements(db)
  const stale = sql.findStale.all(now - STALE_MS) as Array<{ id: number }>
  if (stale.length > 0) inTransaction(db, () => stale.forEach(({ id }) => discardObject(sql, id)))
}
