/**
 * The rows of a tree by their place: finding, adding, changing and removing them, one at a time. Knows nothing of
 * sessions.
 */
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

/** A directory on the way to a path. */
export interface Directory {
  readonly path: string
  readonly id: number
}

/** Rows that {@link Nodes.children} gives at most. */
export const BATCH = 512

const NONE: Uint8Array = new Uint8Array(0)

/** The rows of an open tree. Everything throws {@link SqliteError}. */
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
  /** The directory that the last path was in, and those above it but for the root. */
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

  /** The number of rows, counted anew. */
  count(): number {
    return Number(this.#count.get()?.[0])
  }

  /** Counts removals. */
  get removals(): number {
    return this.#removals
  }

  /** Counts changes. */
  get version(): number {
    return this.#version
  }

  /** The ID that the next new entry gets. */
  get next(): number {
    return this.#next
  }

  get hasRoot(): boolean {
    return this.#hasRoot
  }

  /** Directories above the last path that was resolved or entered, but for the root. */
  get above(): ReadonlyArray<Directory> {
    return this.#above
  }

  /** ID, then the columns of `rowOf`. */
  find(parent: number, name: SqliteValue): SqliteRow | undefined {
    return this.#find.get(parent, name)
  }

  /** The same for names that come in their order: its ID at {@link ID} or 0, then the columns. */
  findNext(parent: number, name: Uint8Array): { readonly row: SqliteRow; readonly at: number } | undefined {
    const ahead = this.#ahead.find(parent, name)
    if (ahead !== false) return ahead && { row: ahead, at: ID }
    const row = this.find(parent, name)
    return row && { row, at: 0 }
  }

  /** Up to {@link BATCH} of name, ID, kind, in the order of names, from after `last`. */
  children(parent: number, last: SqliteValue): ReadonlyArray<SqliteRow> {
    return this.#children.all(parent, last)
  }

  /** Returns the new ID. */
  add(parent: number, name: Uint8Array, row: ReadonlyArray<SqliteValue>): number {
    const id = parent === 0 ? ROOT_ID : Math.max(this.#next, ROOT_ID + 1)
    this.#insert.run(parent, name, id, ...row)
    this.#ahead.forget(parent, name)
    if (parent === 0) this.#hasRoot = true
    this.#version += 1
    this.#next = Math.max(this.#next, id + 1)
    return id
  }

  /** Undefined when there is an entry already. A refused row changes nothing, because its key is looked for first. */
  tryAdd(parent: number, name: Uint8Array, row: ReadonlyArray<SqliteValue>): number | undefined {
    try {
      return this.add(parent, name, row)
    } catch (error) {
      if (error instanceof SqliteError && error.reason === "query") return undefined
      throw error
    }
  }

  change(parent: number, name: Uint8Array, row: ReadonlyArray<SqliteValue>): void {
    this.#update.run(...row, parent, name)
    this.#ahead.forget(parent, name)
    this.#version += 1
  }

  /** Removes an entry with all beneath it. Returns how many there were. */
  remove(parent: number, name: SqliteValue, id: number, directory: boolean): number {
    const beneath = directory ? this.removeBeneath(id) : 0
    this.#delete.run(parent, name)
    this.#ahead.forget()
    this.#removals += 1
    if (parent === 0) this.#hasRoot = false
    this.#version += 1
    return beneath + 1
  }

  /** Removes all beneath a directory. Ends in a cycle too: what it comes to a second time is empty. */
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

  /** Stores the counter of IDs when it changed. */
  keepNext(): void {
    if (this.#next !== this.#storedNext) this.#setNext.run(this.#next)
    this.#storedNext = this.#next
  }

  /** Goes back to the lowest directory on the way to `path` among those that the last path was in. */
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

  /** Goes down into a directory in the one that {@link ascend} or the last call came to. */
  enter(directory: Directory): Directory {
    this.#above.push(directory)
    return directory
  }

  /** The ID of the directory at `path`, or undefined when there is none. */
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

/** The path one level beneath `directory` on the way to `path`, which does not begin with a slash. */
export const below = (directory: string, path: string): string => {
  const slash = path.indexOf("/", directory === "" ? 0 : directory.length + 1)
  return slash < 0 ? path : path.slice(0, slash)
}
