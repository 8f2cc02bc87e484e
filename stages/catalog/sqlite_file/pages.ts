/** Fetches the pages of a database file, and keeps those that were used last. */
import * as Effect from "effect/Effect"
import { Recent } from "../../memory/recent.ts"
import type { RandomAccess } from "../random_access.ts"
import { catching } from "../../kernel/catching.ts"
import { SqliteError } from "../sqlite/sqlite.ts"
import { damagedPage } from "./damage.ts"
import type { SqliteHeader } from "./header.ts"
import { type Cell, readPage, type TreePage, u32 } from "./page.ts"
import { neededBytes } from "./record.ts"

/** How much of a database is fetched at once and kept. */
export interface PagesOptions {
  /** The most bytes of pages that are kept; 4 MiB by default. */
  readonly cacheBytes?: number
  /** The most bytes of pages that are fetched at once, ahead of their use; 256 KiB by default, 0 for none. */
  readonly aheadBytes?: number
}

/** A set of pages. */
export interface PageSet {
  /** Adds a page. Returns false when it was there already. */
  readonly add: (page: number) => boolean
}

const CACHE_BYTES = 4 << 20
const AHEAD_BYTES = 256 << 10

/** The pages of one file. */
export class Pages<E, R> {
  readonly header: SqliteHeader
  /** The most pages that are fetched at once. */
  readonly most: number
  readonly #file: RandomAccess<E, R>
  readonly #kept: Recent<number, Uint8Array>

  constructor(file: RandomAccess<E, R>, header: SqliteHeader, options: PagesOptions) {
    const { aheadBytes = AHEAD_BYTES, cacheBytes = CACHE_BYTES } = options
    this.header = header
    // Pages that are fetched ahead must still be there when their turn comes.
    this.most = Math.max(1, Math.floor(Math.min(aheadBytes, cacheBytes / 2) / header.pageBytes))
    this.#file = file
    this.#kept = new Recent({ limit: cacheBytes, bytesOf: ({ length }) => length })
  }

  /** A page. When it must be fetched, the pages `ahead` come with it. Fails with `corrupt` for a wrong number. */
  page(number: number, ahead: ReadonlyArray<number> = []): Effect.Effect<Uint8Array, SqliteError | E, R> {
    const kept = this.#kept.get(number)
    if (kept !== undefined) return Effect.succeed(kept)
    const { pageBytes, pageCount } = this.header
    if (number < 1 || number > pageCount) {
      return Effect.fail(damagedPage(number, `does not exist: the file has ${pageCount}`))
    }
    const numbers = [number]
    for (const next of ahead) {
      if (numbers.length >= this.most) break
      if (next >= 1 && next <= pageCount && next !== number && !this.#kept.has(next)) numbers.push(next)
    }
    return Effect.flatMap(this.#file.read(numbers.map((n) => (n - 1) * pageBytes), pageBytes), (pages) => {
      for (let i = numbers.length - 1; i >= 0; i--) {
        if (pages[i]?.length !== pageBytes) return Effect.fail(damagedPage(numbers[i]!, "is not whole"))
        this.#kept.set(numbers[i]!, pages[i]!)
      }
      return Effect.succeed(pages[0]!)
    })
  }

  /** A page of a B-tree. */
  tree(number: number, ahead?: ReadonlyArray<number>): Effect.Effect<TreePage, SqliteError | E, R> {
    return Effect.flatMap(
      this.page(number, ahead),
      (bytes) => catching(SqliteError, () => readPage(number, bytes, this.header)),
    )
  }

  /**
   * The bytes of a row, as many as its first `columns` columns need, and no more than `most`. Each page with a part of
   * it is added to `met`, and must not be there yet. `page`: where the row begins, for errors.
   */
  row(
    cell: Cell,
    columns: number,
    page: number,
    met: PageSet,
    most: number = Infinity,
  ): Effect.Effect<Uint8Array, SqliteError | E, R> {
    if (cell.overflow === 0) return Effect.succeed(cell.local)
    return Effect.flatMap(
      catching(SqliteError, () => neededBytes(cell.local, cell.total, columns, page)),
      (needed) =>
        needed <= cell.local.length
          ? Effect.succeed(cell.local)
          : needed > most
          ? Effect.fail(damagedPage(page, `has a key of ${needed} bytes, more than can be`))
          : this.#whole(cell, needed, met),
    )
  }

  readonly #whole = Effect.fnUntraced(
    function* (this: Pages<E, R>, cell: Cell, needed: number, met: PageSet) {
      const parts: Array<Uint8Array> = [cell.local]
      let length = cell.local.length
      for (let next = cell.overflow; length < needed;) {
        if (!met.add(next)) return yield* damagedPage(next, "is part of two rows")
        const page = yield* this.page(next)
        const part = page.subarray(4, 4 + Math.min(this.header.usableBytes - 4, cell.total - length))
        parts.push(part)
        length += part.length
        next = u32(page, 0)
      }
      const bytes = new Uint8Array(length)
      let at = 0
      for (const part of parts) {
        bytes.set(part, at)
        at += part.length
      }
      return bytes
    }.bind(this),
  )
}
