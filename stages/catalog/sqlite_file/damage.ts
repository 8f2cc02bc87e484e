/** The error for a damaged database file. */
import { SqliteError } from "../sqlite/sqlite.ts"

/** The error for a page that is not what its place demands. */
export const damagedPage = (page: number, problem: string): SqliteError =>
  new SqliteError({ reason: "corrupt", message: `The SQLite database is damaged: page ${page} ${problem}` })
