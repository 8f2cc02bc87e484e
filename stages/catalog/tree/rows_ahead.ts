/**
 * Finds rows in the order in which a walk asks for them. It reads many rows ahead: asking for each alone takes three
 * times as long.
 */
import { hasLongList, LISTED_COLUMNS, NAME } from "./listed_row.ts"
import { Order } from "effect/Bytes"
import type { SqliteDatabase, SqliteRow, SqliteStatement } from "../sqlite/sqlite.ts"

/** How many rows are read at once, at first and at most. */
const FIRST = 8
const MOST = 256

/** The rows of one directory from some name on. All methods throw {@link SqliteError}. */
export class RowsAhead {
  readonly #read: SqliteStatement
  #parent = -1
  /** The last name that was asked for. `#rows` has all rows after it, up to its own last one. */
  #name: Uint8Array | undefined
  #rows: ReadonlyArray<SqliteRow> = []
  #at = 0
  #size = FIRST
  /** Whether the directory ends with `#rows`. */
  #whole = false

  constructor(db: SqliteDatabase) {
    this.#read = db.prepare(
      `SELECT ${LISTED_COLUMNS} FROM entry WHERE parent = ? AND name >= ? ORDER BY name LIMIT ?`,
    )
  }

  /**
   * The row of a name in a directory; `undefined` when there is none. `false` when the row must be read alone: it is
   * the first in a directory, out of order, or has a long list of chunks.
   */
  find(parent: number, name: Uint8Array): SqliteRow | undefined | false {
    const before = this.#name
    if (parent !== this.#parent) {
      this.#parent = parent
      this.#name = name
      this.#rows = []
      this.#at = 0
      this.#size = FIRST
      this.#whole = false
      return false
    }
    this.#name = name
    if (before !== undefined && Order(name, before) < 0) {
      this.#rows = []
      this.#at = 0
      this.#whole = false
      return false
    }
    for (;;) {
      while (this.#at < this.#rows.length) {
        const row = this.#rows[this.#at]!
        const order = Order(row[NAME] as Uint8Array, name)
        // Long lists of chunks are not read ahead.
        if (order === 0) return hasLongList(row) ? false : row
        if (order > 0) return undefined
        this.#at++
      }
      if (this.#whole) return undefined
      this.#rows = this.#read.all(parent, name, this.#size)
      this.#at = 0
      this.#whole = this.#rows.length < this.#size
      this.#size = Math.min(MOST, this.#size * 4)
      if (this.#rows.length === 0) return undefined
    }
  }

  /** Forgets rows that were read ahead, because rows have changed: all, or those of a directory from a name on. */
  forget(parent?: number, name?: Uint8Array): void {
    if (parent !== undefined && parent !== this.#parent) return
    if (name !== undefined && this.#name !== undefined && Order(name, this.#name) < 0) return
    this.#rows = []
    this.#at = 0
    this.#whole = false
  }
}
