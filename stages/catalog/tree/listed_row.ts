/**
 * The rows that are read many at once. A row has the name, the ID, the columns of an entry, and the length of its list
 * of chunks; the list itself only when it is short, so that many rows take little memory.
 */
import type { SqliteRow } from "../sqlite/sqlite.ts"
import { COLUMNS } from "./row.ts"

/** Longer lists of chunks, in bytes, are not in the row. */
export const LONG_LIST = 4096

/** What to select for a row. */
export const LISTED_COLUMNS: string = `name, id, ${
  COLUMNS.replace(/content$/, `CASE WHEN length(content) <= ${LONG_LIST} THEN content END, length(content)`)
}`

/** Where the name is in a row. */
export const NAME = 0
/** Where the ID is. */
export const ID = 1
/** Where the columns of the entry begin. */
export const ENTRY = 2
/** Where the list of chunks is, the last column of the entry. */
export const CONTENT = 14
const LENGTH = 15

/** Whether the entry has a list of chunks that the row leaves out. */
export const hasLongList = (row: SqliteRow): boolean => row[CONTENT] === null && row[LENGTH] !== null
