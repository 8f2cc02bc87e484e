/** Reads a SQLite database on demand: only the pages that a question needs are fetched, and no engine is loaded. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../../kernel/catching.ts"
import type { RandomAccess } from "../random_access.ts"
import { SqliteError, type SqliteRow } from "../sqlite/sqlite.ts"
import { Cursor, type CursorOptions, type FoundRow } from "./cursor.ts"
import { readHeader, type SqliteHeader } from "./header.ts"
import { Pages, type PagesOptions } from "./pages.ts"

/** A table, index, view or trigger: a row of `sqlite_schema`. */
export interface SchemaRow {
  /** `table`, `index`, `view` or `trigger`. */
  readonly type: string
  /** What it is called. */
  readonly name: string
  /** The number of its first page; 0 for views and triggers. */
  readonly root: number
  /** The statement that made it; the empty text for an automatic index. */
  readonly sql: string
}

/** An open database file. Its schema was read, and is not interpreted: whoever reads a table knows its columns. */
export interface SqliteFile<out E = never, out R = never> {
  /** What the first 100 bytes say. */
  readonly header: SqliteHeader
  /** Its tables, indexes, views and triggers. */
  readonly schema: ReadonlyArray<SchemaRow>
  /**
   * Walks the rows of the tree that begins at page `root`, in the order of their IDs or keys. `next` gives some rows,
   * those of a page, and none at the end. Values are as engines give them, blobs as fresh bytes. A column `INTEGER
   * PRIMARY KEY` is null in its row: it is the ID. Columns that were added to a table later may be missing.
   */
  readonly cursor: (
    root: number,
    options?: CursorOptions,
  ) => { readonly next: Effect.Effect<ReadonlyArray<FoundRow>, SqliteError | E, R> }
  /** The same as a stream. */
  readonly rows: (root: number, options?: CursorOptions) => Stream.Stream<FoundRow, SqliteError | E, R>
  /** The row with an ID, or in an index or a table without row IDs the one whose first columns are this key. */
  readonly find: (
    root: number,
    key: SqliteRow,
    options?: Pick<CursorOptions, "columns">,
  ) => Effect.Effect<SqliteRow | undefined, SqliteError | E, R>
}

/** No database of a catalog has more tables. */
const SCHEMA_ROWS = 1000

/**
 * Opens a database file, and reads its schema. Fails with {@link SqliteError} `corrupt` when it is none. A read-only
 * walk of the documented file format (https://www.sqlite.org/fileformat2.html), for databases in UTF-8 with keys in
 * ascending order by `BINARY`; write-ahead logs are not seen. Pages come from `file`, which may be hostile: no page is
 * met twice by one walk, nothing is allocated before its bytes are there, and rows must be in order, so each walk gives
 * rows or fails with `corrupt`, after at most as many pages as the file has.
 *
 * @example Read a table without an engine
 * ```ts
 * import assert from "node:assert/strict"
 * import { concat } from "effect/Bytes"
 * import { Effect, Stream } from "effect"
 * import { makeSqliteWasm, openSqliteFile } from "@penstock/penstock"
 *
 * const program = Effect.scoped(Effect.gen(function* () {
 *   const db = yield* (yield* makeSqliteWasm).open()
 *   db.exec("CREATE TABLE t (x); INSERT INTO t VALUES (1), ('two')")
 *   const bytes = concat(yield* Stream.runCollect(db.bytes(4096)))
 *   const file = yield* openSqliteFile({
 *     size: bytes.length,
 *     read: (offsets, length) => Effect.succeed(offsets.map((at) => bytes.subarray(at, at + length))),
 *   })
 *   return yield* Stream.runCollect(file.rows(file.schema[0]!.root))
 * }))
 * assert.deepEqual(await Effect.runPromise(program), [{ rowId: 1, row: [1] }, { rowId: 2, row: ["two"] }])
 * ```
 */
export const openSqliteFile: <E, R>(
  file: RandomAccess<E, R>,
  options?: PagesOptions,
) => Effect.Effect<SqliteFile<E, R>, SqliteError | E, R> = Effect.fnUntraced(
  function* <E, R>(file: RandomAccess<E, R>, options: PagesOptions = {}) {
    const [first] = file.size < 512 ? [] : yield* file.read([0], 512)
    const header = yield* catching(SqliteError, () => readHeader(first ?? new Uint8Array(0), file.size))
    const pages = new Pages(file, header, options)
    const cursor = (root: number, options: CursorOptions = {}) => new Cursor(pages, root, options)
    const rows = (root: number, options?: CursorOptions): Stream.Stream<FoundRow, SqliteError | E, R> =>
      Stream.suspend(() => {
        const walk = cursor(root, options)
        return Stream.paginate(undefined, () =>
          Effect.map(
            walk.next,
            (found) => [found, found.length > 0 ? Option.some(undefined) : Option.none<undefined>()] as const,
          ))
      })
    const schema = yield* Stream.runCollect(
      Stream.mapEffect(
        Stream.take(rows(1), SCHEMA_ROWS + 1),
        ({ row }) => catching(SqliteError, () => schemaRow(row)),
      ),
    )
    if (schema.length > SCHEMA_ROWS) return yield* damaged(`it has more than ${SCHEMA_ROWS} tables`)
    const find = Effect.fnUntraced(
      function* (root: number, key: SqliteRow, options: Pick<CursorOptions, "columns"> = {}) {
        const [found] = yield* cursor(root, { ...options, from: key, within: key }).next
        return found !== undefined && (found.rowId === undefined || found.rowId === key[0]) ? found.row : undefined
      },
    )
    return { header, schema, cursor, rows, find }
  },
)

const schemaRow = ([type, name, , root, sql]: SqliteRow): SchemaRow => {
  if (typeof type !== "string" || typeof name !== "string" || (typeof sql !== "string" && sql !== null)) {
    throw damaged("its schema is not valid")
  }
  const page = root ?? 0
  if (typeof page !== "number" || !Number.isSafeInteger(page) || page < 0) throw damaged("its schema is not valid")
  return { type, name, root: page, sql: sql ?? "" }
}

const damaged = (problem: string): SqliteError =>
  new SqliteError({ reason: "corrupt", message: `The SQLite database is damaged: ${problem}` })
