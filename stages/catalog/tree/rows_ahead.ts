/**
 * Finding rows in the order in which a walk asks for them: many at a time, since asking for each alone takes three
 * times as long.
 */
import { hasLongList, LISTED_COLUMNS, NAME } from "./listed_row.ts"
import { Order } from "effect/Bytes"
import type { SqliteDatabase, SqliteRow, SqliteStatement } from "../sqlite/sqlite.ts"

/** Rows that are read at once, at first and at most. */
const FIRST = 8
const MOST = 256

/** Rows of one directory from some name on. Everything throws {@link SqliteError}. */
export class RowsAhead {
  readonly #read: SqliteStatement
  #parent = -1
  /** The last name that was asked for; all rows behind it, up to the last of `#rows`, are at hand. */
  #name: Uint8Array | undefined
  #rows: ReadonlyArray<SqliteRow> = []
  #at = 0
  #size = FIRST
  /** Whether there is nothing behind `#rows`. */
  #whole = false

  constructor(db: SqliteDatabase) {
    this.#read = db.prepare(
      `SELECT ${LISTED_COLUMNS} FROM entry WHERE parent = ? AND name >= ? ORDER BY name LIMIT ?`,
    )
  }

  /**
   * The row of a name in a directory, `undefined` when there is none, `false` when it is to be asked for alone: the
   * first of a directory, out of order, or with a long list of chunks.
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
        // A long list is not among what is read ahead.
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

  /** Rows changed: one that is at hand may be another now. */
  forget(parent?: number, name?: Uint8Array): void {
    if (parent !== undefined && parent !== this.#parent) return
    if (name !== undefined && this.#name !== undefined && Order(name, this.#name) < 0) return
    this.#rows = []
    this.#at = 0
    this.#whole = false
  }
}
