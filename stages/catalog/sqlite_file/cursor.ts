/** Walks a B-tree: the rows of a table or index in order, from any place on. */
import * as Effect from "effect/Effect"
import { catching } from "../../kernel/catching.ts"
import { IdSet } from "../tree/id_set.ts"
import { SqliteError, type SqliteRow } from "../sqlite/sqlite.ts"
import { compareKey, compareValues } from "./compare.ts"
import { damagedPage } from "./damage.ts"
import { type Cell, childAt, rowAt, rowIdAt, separatorAt, type TreePage } from "./page.ts"
import type { Pages, PageSet } from "./pages.ts"
import { decodeRecord } from "./record.ts"

/** A row that a walk met. */
export interface FoundRow {
  /** Its ID; undefined in an index and in a table without row IDs. */
  readonly rowId: number | bigint | undefined
  /** The values of its columns. */
  readonly row: SqliteRow
}

/** Which rows a walk gives. */
export interface CursorOptions {
  /** The key of the first row, or its first columns; of a table with row IDs, the ID. The first of all by default. */
  readonly from?: SqliteRow
  /** Ends before the first row whose first columns are not these. Not for tables with row IDs. */
  readonly within?: SqliteRow
  /** How many columns of an index or of a table without row IDs are a unique key; with none it is not checked. */
  readonly keyColumns?: number
  /** How many columns of a row are read, and the key at least; all by default. Pages behind them are not fetched. */
  readonly columns?: number
  /** Pages that hold parts of rows; a row with a part in one of them is damaged. Give one set to several walks. */
  readonly parts?: PageSet
}

/** A page on the way from the root to the next row. */
interface Frame {
  readonly page: TreePage
  /** The next cell. In an interior page, children and cells are counted alternately: child 0, cell 0, child 1, ... */
  at: number
  /** How many children are read ahead. */
  ahead: number
}

/** A tree of more levels would have more pages than a file can. */
const DEPTH = 20
/** As many columns as there are. */
const ALL = Number.MAX_SAFE_INTEGER
/** No key is longer, in bytes: a path has at most 65,535 characters. */
const KEY_BYTES = 1 << 20

/**
 * A walk. It meets no page twice, and its keys only grow, so it ends, whatever the database says, after as many pages
 * as there are.
 */
export class Cursor<E, R> {
  readonly #pages: Pages<E, R>
  readonly #root: number
  readonly #options: CursorOptions
  /** How many columns of a row are read: its key, too, so that the order is checked. */
  readonly #columns: number
  readonly #met = new IdSet()
  readonly #frames: Array<Frame> = []
  #state: "new" | "under way" | "ended" = "new"
  /** The kind of the tree, which the root decides. */
  #table = false
  #last: SqliteRow | undefined

  constructor(pages: Pages<E, R>, root: number, options: CursorOptions) {
    this.#pages = pages
    this.#root = root
    this.#options = options
    this.#columns = options.columns === undefined ? ALL : Math.max(options.columns, options.keyColumns ?? 0)
  }

  /** Some of the next rows; none at the end. */
  readonly next: Effect.Effect<ReadonlyArray<FoundRow>, SqliteError | E, R> = Effect.suspend(() => this.#next())

  readonly #next = Effect.fnUntraced(function* (this: Cursor<E, R>) {
    if (this.#state === "new") {
      this.#state = "under way"
      yield* this.#descend(this.#root, undefined)
    }
    const rows: Array<FoundRow> = []
    while (this.#state === "under way") {
      const frame = this.#frames[this.#frames.length - 1]
      if (frame === undefined) break
      const { page } = frame
      if (page.leaf ? frame.at >= page.count : frame.at > 2 * page.count) {
        this.#frames.pop()
        continue
      }
      if (!page.leaf && frame.at % 2 === 0) {
        yield* this.#descend(frame.at++ / 2, frame)
        continue
      }
      if (page.table && !page.leaf) {
        frame.at++
        continue
      }
      const index = page.leaf ? frame.at : (frame.at - 1) / 2
      const end = page.leaf ? page.count : index + 1
      const cell = yield* catching(SqliteError, () => this.#addLocal(rows, frame, page, index, end))
      if (cell !== undefined) {
        const { parts = this.#met, within } = this.#options
        // The first row that is not within belongs to others: no more than its key is read.
        if (within !== undefined && !page.table && (yield* this.#compare(page, cell, within)) !== 0) break
        const bytes = yield* this.#pages.row(cell, this.#columns, page.number, parts)
        yield* catching(SqliteError, () => this.#add(rows, page, cell, bytes))
        frame.at++
      }
      if (rows.length > 0) return rows
    }
    if (rows.length > 0) return rows
    this.#state = "ended"
    this.#frames.length = 0
    return []
  }.bind(this))

  /**
   * Adds the rows of a page up to a row that does not lie in the page as a whole, which it returns, or up to `end`.
   * Most rows do, and cost no Effect each.
   */
  #addLocal(rows: Array<FoundRow>, frame: Frame, page: TreePage, index: number, end: number): Cell | undefined {
    for (; index < end && this.#state === "under way"; index++) {
      const cell = rowAt(page, index, this.#pages.header)
      if (cell.overflow !== 0) return cell
      this.#add(rows, page, cell, cell.local)
      frame.at++
    }
    return undefined
  }

  /** Adds a row, unless the walk ends before it. */
  #add(rows: Array<FoundRow>, page: TreePage, { rowId, total }: Cell, bytes: Uint8Array): void {
    const { keyColumns = ALL, within } = this.#options
    const row = decodeRecord(bytes, total, this.#columns, page.number)
    const key = rowId === undefined ? row.slice(0, keyColumns) : [rowId]
    const order = this.#last === undefined ? -1 : compareKey(this.#last, key)
    if (order > 0 || (order === 0 && (keyColumns !== ALL || rowId !== undefined))) {
      throw damagedPage(page.number, "has rows that are out of order")
    }
    this.#last = key
    if (within !== undefined && rowId === undefined && compareKey(row, within) !== 0) this.#state = "ended"
    else rows.push({ rowId, row })
  }

  /** Goes down to a page: the root, or a child of an interior page. With `from`, to where that would be. */
  readonly #descend = Effect.fnUntraced(
    function* (this: Cursor<E, R>, start: number, above: Frame | undefined) {
      const { header } = this.#pages
      const { from } = this.#options
      let frame = above
      let child = start
      let number = start
      for (;;) {
        let ahead: ReadonlyArray<number> = []
        if (frame !== undefined) {
          const { page } = frame
          number = yield* catching(SqliteError, () => childAt(page, child, header))
          ahead = yield* catching(SqliteError, () => this.#ahead(frame!, child))
        }
        if (this.#frames.length >= DEPTH) return yield* damagedPage(number, "lies too deep")
        if (!this.#met.add(number)) return yield* damagedPage(number, "is in two places")
        const page = yield* this.#pages.tree(number, ahead)
        if (frame === undefined) this.#table = page.table
        else if (page.table !== this.#table) return yield* damagedPage(number, "is of another table or index")
        const first = from === undefined || this.#last !== undefined ? 0 : yield* this.#lowerBound(page, from)
        const next: Frame = { page, at: page.leaf ? first : 2 * first + 1, ahead: 1 }
        this.#frames.push(next)
        if (page.leaf) return
        frame = next
        child = first
      }
    }.bind(this),
  )

  /** Compares the first columns of a row with a key. */
  #compare(page: TreePage, cell: Cell, key: SqliteRow): Effect.Effect<number, SqliteError | E, R> {
    return Effect.flatMap(
      this.#pages.row(cell, key.length, page.number, new IdSet(), KEY_BYTES),
      (bytes) => catching(SqliteError, () => compareKey(decodeRecord(bytes, cell.total, key.length, page.number), key)),
    )
  }

  /** The first cell of a page whose key is not below `from`. */
  readonly #lowerBound = Effect.fnUntraced(function* (this: Cursor<E, R>, page: TreePage, from: SqliteRow) {
    const { header } = this.#pages
    let low = 0
    let high = page.count
    while (low < high) {
      const middle = (low + high) >> 1
      let order: number
      if (page.table) {
        order = yield* catching(SqliteError, () =>
          compareValues(
            page.leaf ? rowIdAt(page, middle, header) : separatorAt(page, middle, header),
            from[0]!,
          ))
      } else {
        const cell = yield* catching(SqliteError, () => rowAt(page, middle, header))
        order = yield* this.#compare(page, cell, from)
      }
      if (order < 0) low = middle + 1
      else high = middle
    }
    return low
  }.bind(this))

  /** The children behind `child` that are needed soon: with `within`, those that can have such rows. */
  #ahead(frame: Frame, child: number): ReadonlyArray<number> {
    const { page } = frame
    const { header, most } = this.#pages
    const { within } = this.#options
    frame.ahead = within === undefined ? Math.min(2 * frame.ahead, most) : most
    const numbers: Array<number> = []
    for (let i = child + 1; i <= page.count && numbers.length < frame.ahead - 1; i++) {
      if (within !== undefined && this.#isBeyond(page, i - 1, within)) break
      numbers.push(childAt(page, i, header))
    }
    return numbers
  }

  /** Whether a cell of an interior page has a key that comes after all within. */
  #isBeyond(page: TreePage, index: number, within: SqliteRow): boolean {
    if (page.table) return true
    const { local, overflow, total } = rowAt(page, index, this.#pages.header)
    if (overflow !== 0) return true
    return compareKey(decodeRecord(local, total, within.length, page.number), within) > 0
  }
}
