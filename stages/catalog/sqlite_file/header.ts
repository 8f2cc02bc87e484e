/** The header of a database file, its first 100 bytes (https://www.sqlite.org/fileformat2.html, section 1.3). */
import { SqliteError } from "../sqlite/sqlite.ts"
import { checkHeader } from "../sqlite/file.ts"

/** What the header says. */
export interface SqliteHeader {
  /** Bytes of a page. */
  readonly pageBytes: number
  /** Bytes of a page without those that are reserved for extensions. */
  readonly usableBytes: number
  /** How many pages the file has. */
  readonly pageCount: number
  /** `PRAGMA application_id` */
  readonly applicationId: number
  /** `PRAGMA user_version` */
  readonly userVersion: number
}

const UTF8 = 1

/**
 * Reads the header of a database file of `size` bytes. Throws SqliteError `corrupt` when it is none, or has text in
 * another encoding than UTF-8.
 */
export const readHeader = (bytes: Uint8Array, size: number): SqliteHeader => {
  const header = bytes.slice(0, 100)
  checkHeader(header, size)
  const view = new DataView(header.buffer)
  const stored = view.getUint16(16)
  const pageBytes = stored === 1 ? 65536 : stored
  const usableBytes = pageBytes - header[20]!
  if (usableBytes < 480 || header[21] !== 64 || header[22] !== 32 || header[23] !== 32) {
    throw new SqliteError({ reason: "corrupt", message: "The SQLite database is damaged: its header is not valid" })
  }
  const encoding = view.getUint32(56)
  if (encoding !== UTF8 && encoding !== 0) {
    throw new SqliteError({ reason: "corrupt", message: "The SQLite database has text that is not UTF-8" })
  }
  return {
    pageBytes,
    usableBytes,
    pageCount: size / pageBytes,
    applicationId: view.getInt32(68),
    userVersion: view.getInt32(60),
  }
}
