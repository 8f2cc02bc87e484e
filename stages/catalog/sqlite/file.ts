/** What all engines have in common: settings, the check of a file's header, its bytes in pieces, reasons of errors. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SqliteError } from "./sqlite.ts"

/**
 * Settings of every database that an engine opens. A database is private and thrown away after use, so it is not
 * protected from crashes: there is no rollback journal, and so no `ROLLBACK`. Its content may come from a hostile
 * store, so functions in its schema are not trusted, and the cells of each page are checked when it is read.
 */
export const SETTINGS: string = [
  "PRAGMA page_size = 4096; PRAGMA encoding = 'UTF-8'; PRAGMA auto_vacuum = NONE",
  "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA locking_mode = EXCLUSIVE",
  "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY",
  "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -4096",
].join("; ")

/** Writes the first page, so that an empty database has a file, too. */
export const FIRST_PAGE = "PRAGMA user_version = 0"

/** A query that fails when the first page or the schema cannot be read. */
export const SANITY = "SELECT count(*) FROM sqlite_schema"

/** The length of the header of a database file, in bytes. */
export const HEADER_BYTES = 100

const MAGIC = "SQLite format 3\0"

/**
 * Checks the header of a database file of `size` bytes (https://www.sqlite.org/fileformat.html, section 1.3). Throws
 * {@link SqliteError} `corrupt`. When the file is in WAL mode, the header is changed in place to the rollback mode. The
 * write-ahead log is not here, and without it the modes are the same.
 */
export const checkHeader = (header: Uint8Array, size: number): void => {
  const magic = String.fromCharCode(...header.subarray(0, 16))
  if (size < 512 || header.length < HEADER_BYTES || magic !== MAGIC) {
    throw corrupt("The content is not a SQLite database")
  }
  const stored = header[16]! << 8 | header[17]!
  const page = stored === 1 ? 65536 : stored
  if (page < 512 || (page & (page - 1)) !== 0) {
    throw corrupt("The content is not a SQLite database: its page size is invalid")
  }
  if (size % page !== 0) throw corrupt(`The SQLite database is cut off: ${size} bytes are not whole pages of ${page}`)
  if (header[18] === 2) header[18] = 1
  if (header[19] === 2) header[19] = 1
}

/** The bytes of a file as a stream. `read(offset, length)` gives a whole piece as fresh bytes, or throws. */
export const pieces = (
  size: () => number,
  read: (offset: number, length: number) => Uint8Array,
  pieceBytes: number,
): Stream.Stream<Uint8Array, SqliteError> =>
  Stream.unfold(0, (offset) =>
    Effect.try({
      try: () => {
        const length = Math.min(pieceBytes, size() - offset)
        return length <= 0 ? undefined : [read(offset, length), offset + length] as const
      },
      catch: (cause) =>
        cause instanceof SqliteError
          ? cause
          : new SqliteError({ reason: "io", message: "Cannot read the bytes of the database", cause }),
    }))

/**
 * Makes the error for a result code (https://www.sqlite.org/rescode.html) and the message of SQLite. `doing`: the SQL,
 * or a few words.
 */
export const sqliteFailure = (doing: string, code: number | undefined, says: string, cause?: unknown): SqliteError => {
  const reason = reasonOf(code, says)
  const what = doing.length > 80 ? `${doing.slice(0, 77)}...` : doing
  return new SqliteError({
    reason,
    message: reason === "corrupt"
      ? `The SQLite database is damaged: ${says} ("${what}")`
      : `SQLite cannot run "${what}": ${says}`,
    cause,
  })
}

const reasonOf = (code: number | undefined, says: string): SqliteError["reason"] => {
  switch (code === undefined ? undefined : code & 0xff) {
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return "corrupt"
    case 5: // SQLITE_BUSY
    case 7: // SQLITE_NOMEM
    case 8: // SQLITE_READONLY
    case 10: // SQLITE_IOERR
    case 13: // SQLITE_FULL
    case 14: // SQLITE_CANTOPEN
      return "io"
    default:
      // Deno gives no code when `exec` fails.
      return /malformed|file is not a database|unsupported file format/.test(says)
        ? "corrupt"
        : /disk I\/O|is full|unable to open|out of memory|readonly database/.test(says)
        ? "io"
        : "query"
  }
}

const corrupt = (message: string): SqliteError => new SqliteError({ reason: "corrupt", message })
