/** Finds, adds, changes and removes the rows of a tree, one at a time, by their place. It knows nothing of sessions. */
import { baseName } from "../../walk/path.ts"
import { textToBytes } from "./short_text.ts"
import {
  type SqliteDatabase,
  SqliteError,
  type SqliteRow,
  type SqliteStatement,
  type SqliteValue,
} from "../sqlite/sqlite.ts"
import { RowsAhead } from "./rows_ahead.ts"
import { ID } from "./listed_row.ts"
import { COLUMNS, corruptAt, DIRECTORY, idOf } from "./row.ts"
import { ROOT_ID } from "./schema.ts"

/** A directory above a path. */
export interface Directory {
  readonly path: string
  readonly id: number
}

/** How many rows {@link Nodes.children} gives at most. */
export const BATCH = 512

const NONE: Uint8Array = new Uint8Array(0)

/** The rows of an open tree. All methods throw {@link SqliteError}. */
export class Nodes {
  readonly #find: SqliteStatement
  readonly #insert: SqliteStatement
  readonly #update: SqliteStatement
  readonly #delete: SqliteStatement
  readonly #deleteChildren: SqliteStatement
  readonly #countChildren: SqliteStatement
  readonly #subdirectories: SqliteStatement
  readonly #children: SqliteStatement
  readonly #setNext: SqliteStatement
  readonly #count: SqliteStatement
  #next: number
  #storedNext: number
  #hasRoot: boolean
  #version = 0
  #removals = 0
  /** The directories above the last path, without the root. */
  #above: Array<Directory> = []
  readonly #ahead: RowsAhead

  constructor(db: SqliteDatabase) {
    this.#ahead = new RowsAhead(db)
    this.#find = db.prepare(`SELECT id, ${COLUMNS} FROM entry WHERE parent = ? AND name = ?`)
    this.#insert = db.prepare(
      `INSERT INTO entry (parent, name, id, ${COLUMNS}) VALUES (${new Array(16).fill("?").join(", ")})`,
    )
    const assignments = COLUMNS.split(", ").map((column) => `${column} = ?`).join(", ")
    this.#update = db.prepare(`UPDATE entry SET ${assignments} WHERE parent = ? AND name = ?`)
    this.#delete = db.prepare("DELETE FROM entry WHERE parent = ? AND name = ?")
    this.#deleteChildren = db.prepare("DELETE FROM entry WHERE parent = ?")
    this.#countChildren = db.prepare("SELECT count(*) FROM entry WHERE parent = ?")
    this.#subdirectories = db.prepare(`SELECT id FROM entry WHERE parent = ? AND kind = ${DIRECTORY}`)
    this.#children = db.prepare(
      `SELECT name, id, kind FROM entry WHERE parent = ? AND name > ? ORDER BY name LIMIT ${BATCH}`,
    )
    this.#count = db.prepare("SELECT count(*) FROM entry")
    this.#setNext = db.prepare("UPDATE counter SET next = ?")
    const counters = db.prepare("SELECT next FROM counter LIMIT 2").all()
    if (counters.length !== 1) throw corruptAt("", "it has no counter of IDs")
    this.#next = this.#storedNext = idOf("", counters[0]![0])
    this.#hasRoot = this.find(0, NONE) !== undefined
  }

  /** Counts the rows. */
  count(): number {
    return Number(this.#count.get()?.[0])
  }

  /** A number that grows with each removal. */
  get removals(): number {
    return this.#removals
  }

  /** A number that grows with each change. */
  get version(): number {
    return this.#version
  }

  /** The ID that the next new entry gets. */
  get next(): number {
    return this.#next
  }

  /** Whether the tree has a root directory. */
  get hasRoot(): boolean {
    return this.#hasRoot
  }

  /** The directories above the last path that was resolved or entered, without the root. */
  get above(): ReadonlyArray<Directory> {
    return this.#above
  }

  /** The row of an entry: the ID, then the columns of `rowOf`. Undefined when there is none. */
  find(parent: number, name: SqliteValue): SqliteRow | undefined {
    return this.#find.get(parent, name)
  }

  /** The same, faster when names are asked for in their order. The ID is at `at` of the row; the columns follow it. */
  findNext(parent: number, name: Uint8Array): { readonly row: SqliteRow; readonly at: number } | undefined {
    const ahead = this.#ahead.find(parent, name)
    if (ahead !== false) return ahead && { row: ahead, at: ID }
    const row = this.find(parent, name)
    return row && { row, at: 0 }
  }

  /** The name, ID and kind of up to {@link BATCH} entries in a directory: those whose names come after `last`. */
  children(parent: number, last: SqliteValue): ReadonlyArray<SqliteRow> {
    return this.#children.all(parent, last)
  }

  /** Adds an entry. Returns its ID. */
  add(parent: number, name: Uint8Array, row: ReadonlyArray<SqliteValue>): number {
    const id = parent === 0 ? ROOT_ID : Math.max(this.#next, ROOT_ID + 1)
    this.#insert.run(parent, name, id, ...row)
    this.#ahead.forget(parent, name)
    if (parent === 0) this.#hasRoot = true
    this.#version += 1
    this.#next = Math.max(this.#next, id + 1)
    return id
  }

  /**
   * Adds an entry. Returns undefined when there is one already: SQLite looks for the key first, so a refused row
   * changes nothing.
   */
  tryAdd(parent: number, name: Uint8Array, row: ReadonlyArray<SqliteValue>): number | undefined {
    try {
      return this.add(parent, name, row)
    } catch (error) {
      if (error instanceof SqliteError && error.reason === "query") return undefined
      throw error
    }
  }

  /** Changes the columns of an entry that is there. */
  change(parent: number, name: Uint8Array, row: ReadonlyArray<SqliteValue>): void {
    this.#update.run(...row, parent, name)
    this.#ahead.forget(parent, name)
    this.#version += 1
  }

  /** Removes an entry and everything beneath it. Returns the number of entries removed. */
  remove(parent: number, name: SqliteValue, id: number, directory: boolean): number {
    const beneath = directory ? this.removeBeneath(id) : 0
    this.#delete.run(parent, name)
    this.#ahead.forget()
    this.#removals += 1
    if (parent === 0) this.#hasRoot = false
    this.#version += 1
    return beneath + 1
  }

  /**
   * Removes everything beneath a directory. Returns the number of entries removed. It also ends when there is a cycle:
   * a directory that it meets again is empty by then.
   */
  removeBeneath(id: number): number {
    this.#above = []
    this.#ahead.forget()
    this.#removals += 1
    let removed = 0
    const directories = [id]
    for (let next = directories.pop(); next !== undefined; next = directories.pop()) {
      for (const [child] of this.#subdirectories.all(next)) directories.push(idOf("", child))
      removed += Number(this.#countChildren.get(next)?.[0])
      this.#deleteChildren.run(next)
    }
    this.#version += 1
    return removed
  }

  /** Stores the counter of IDs if it has changed. */
  keepNext(): void {
    if (this.#next !== this.#storedNext) this.#setNext.run(this.#next)
    this.#storedNext = this.#next
  }

  /** Goes up from the last path to the lowest directory that is also above `path`. */
  ascend(path: string): Directory {
    const above = this.#above
    while (above.length > 0) {
      const last = above[above.length - 1]!
      const { length } = last.path
      if (path.startsWith(last.path) && (path.length === length || path.charCodeAt(length) === 47)) return last
      above.pop()
    }
    return { path: "", id: ROOT_ID }
  }

  /** Goes down one level, from where {@link ascend} or the last call of this method came to. */
  enter(directory: Directory): Directory {
    this.#above.push(directory)
    return directory
  }

  /** The ID of the directory at `path`; undefined when there is none. */
  resolve(path: string): number | undefined {
    let here = this.ascend(path)
    while (here.path.length < path.length) {
      const child = below(here.path, path)
      const row = this.find(here.id, nameOf(child))
      if (row === undefined || row[1] !== DIRECTORY) return undefined
      here = this.enter({ path: child, id: idOf(child, row[0]) })
    }
    return here.id
  }
}

/** The bytes of the last component of a path. */
export const nameOf = (path: string): Uint8Array => path === "" ? NONE : textToBytes(baseName(path))

/** The path one level beneath `directory` on the way to `path`. Neither begins with a slash. */
export const below = (directory: string, path: string): string => {
  const slash = path.indexOf("/", directory === "" ? 0 : directory.length + 1)
  return slash < 0 ? path : path.slice(0, slash)
}
