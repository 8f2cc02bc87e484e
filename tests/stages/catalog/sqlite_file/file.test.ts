// On one runtime: what is tested is portable, and the native engine only makes the databases.
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Exit, Stream } from "effect"
import { makeSqliteNative } from "../../../../adapters/catalog/sqlite_native.ts"
import { SqliteError, type SqliteRow } from "../../../../stages/catalog/sqlite/sqlite.ts"
import { openSqliteFile, type SqliteFile } from "../../../../stages/catalog/sqlite_file/file.ts"
import { readPage, rowAt } from "../../../../stages/catalog/sqlite_file/page.ts"
import { bytesOf, withDatabase } from "../../../suites/sqlite.ts"
import { countingFile, makeDatabase, mutated, randomOf } from "../../../suites/sqlite_files.ts"

const rootOf = (file: SqliteFile, name: string): number => file.schema.find((table) => table.name === name)!.root

const run = <A>(effect: Effect.Effect<A, SqliteError>): Promise<A> => Effect.runPromise(effect)

/** All rows of a table with row IDs, with the ID in the place of the column that stands for it. */
const tableRows = (file: SqliteFile, root: number) =>
  Effect.map(
    Stream.runCollect(file.rows(root)),
    (found) => found.map(({ row, rowId }): SqliteRow => [rowId!, ...row.slice(1)]),
  )

const keyRows = (file: SqliteFile, root: number) =>
  Effect.map(Stream.runCollect(file.rows(root)), (found) => found.map(({ row }) => row))

/** Where the first leaf below an interior page of 512 bytes tells the places of its cells. */
const cellsOf = (bytes: Uint8Array, at: number): number => {
  const view = new DataView(bytes.buffer)
  while (bytes[at] === 5) at = (view.getUint32(at + view.getUint16(at + 12)) - 1) * 512
  assert.ok(bytes[at] === 13 && view.getUint16(at + 3) > 1, "a leaf with two rows")
  return at + 8
}

describe("a SQLite file that is read on demand", () => {
  for (const pageBytes of [512, 1024, 2048, 4096]) {
    it(`gives the rows of the engine, with pages of ${pageBytes} bytes`, async () => {
      const engine = await Effect.runPromise(makeSqliteNative)
      for (let seed = 1; seed <= 6; seed++) {
        const made = await makeDatabase(engine, seed, pageBytes, seed * 300)
        // With little memory, pages leave the cache before they are used again.
        const small = { cacheBytes: pageBytes * 3, aheadBytes: pageBytes * 2 }
        const file = await run(openSqliteFile(countingFile(made.bytes), seed % 2 === 0 ? small : {}))
        assert.equal(file.header.pageBytes, pageBytes)
        const [t, w, i] = [rootOf(file, "t"), rootOf(file, "w"), rootOf(file, "i")]
        assert.deepEqual(await run(tableRows(file, t)), made.t)
        assert.deepEqual(await run(keyRows(file, w)), made.w)
        assert.deepEqual(await run(keyRows(file, i)), made.i)

        const random = randomOf(seed)
        for (let n = 0; n < 25; n++) {
          const row = made.t[random(made.t.length)]!
          assert.deepEqual(await run(file.find(t, [row[0]!])), [null, ...row.slice(1)])
          const absent = random(2 ** 31)
          if (!made.t.some(([id]) => id === absent)) assert.equal(await run(file.find(t, [absent])), undefined)
          const keyed = made.w[random(made.w.length)]!
          assert.deepEqual(await run(file.find(w, keyed.slice(0, 2))), keyed)
          assert.equal(await run(file.find(w, [keyed[0]!, "no such key"])), undefined)
          const a = random(42)
          const range = await run(Stream.runCollect(file.rows(w, { from: [a], within: [a], keyColumns: 2 })))
          assert.deepEqual(range.map((found) => found.row), made.w.filter((found) => found[0] === a))
          const from = await run(Stream.runCollect(file.rows(t, { from: [row[0]!] })))
          assert.equal(from.length, made.t.length - made.t.indexOf(row))
        }
        // The key only: the rest of long rows is not fetched.
        const keys = await run(Stream.runCollect(file.rows(w, { keyColumns: 2, columns: 2 })))
        assert.deepEqual(keys.map((found) => found.row), made.w.map((row) => row.slice(0, 2)))
      }
    })
  }

  it("gives rows of every length, however they are split into pages", async () => {
    const engine = await Effect.runPromise(makeSqliteNative)
    const lengths = Array.from({ length: 1700 }, (_, i) => i)
    const blob = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (length * 3 + i) % 256)
    const bytes = await withDatabase(engine, async (db) => {
      db.exec("PRAGMA page_size = 512; VACUUM")
      db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a BLOB)")
      db.exec("CREATE TABLE w (a INTEGER PRIMARY KEY, b BLOB) WITHOUT ROWID")
      db.exec("BEGIN")
      const inserts = ["t", "w"].map((name) => db.prepare(`INSERT INTO ${name} VALUES (?, ?)`))
      for (const length of lengths) for (const insert of inserts) insert.run(length, blob(length))
      db.exec("COMMIT")
      return await bytesOf(db)
    })
    const file = await run(openSqliteFile(countingFile(bytes)))
    assert.deepEqual(await run(tableRows(file, rootOf(file, "t"))), lengths.map((length) => [length, blob(length)]))
    assert.deepEqual(await run(keyRows(file, rootOf(file, "w"))), lengths.map((length) => [length, blob(length)]))
  })

  it("fetches few pages for a row or a range, and each page once for all rows", async () => {
    const engine = await Effect.runPromise(makeSqliteNative)
    const bytes = await withDatabase(engine, async (db) => {
      db.exec("CREATE TABLE w (a INTEGER, b INTEGER, c BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID")
      db.exec("BEGIN")
      const insert = db.prepare("INSERT INTO w VALUES (?, ?, ?)")
      for (let n = 0; n < 40_000; n++) insert.run(Math.floor(n / 200), n % 200, new Uint8Array(60).fill(n))
      db.exec("COMMIT")
      return await bytesOf(db)
    })
    const counted = countingFile(bytes)
    const file = await run(openSqliteFile(counted))
    const root = rootOf(file, "w")
    const since = async (read: Effect.Effect<unknown, SqliteError>) => {
      const { ...before } = counted.count
      await run(read)
      return { calls: counted.count.calls - before.calls, pages: (counted.count.bytes - before.bytes) / 4096 }
    }
    assert.deepEqual(await since(file.find(root, [77, 100])), { calls: 3, pages: 3 })
    assert.deepEqual(await since(file.find(root, [77, 101])), { calls: 0, pages: 0 })
    const range = await since(Stream.runDrain(file.rows(root, { from: [150], within: [150], keyColumns: 2 })))
    // 200 rows of 70 bytes fill four pages, which are fetched together.
    assert.ok(range.calls <= 3 && range.pages <= 8, JSON.stringify(range))
    const again = countingFile(bytes)
    const other = await run(openSqliteFile(again))
    await run(Stream.runDrain(other.rows(rootOf(other, "w"))))
    assert.ok(again.count.bytes <= bytes.length + 4096, "a page was fetched twice")
    assert.ok(again.count.calls < bytes.length / 4096 / 8, `${again.count.calls} calls`)
  })

  it("gives rows or an error for any damage, after at most as many pages as there are", async () => {
    const engine = await Effect.runPromise(makeSqliteNative)
    const outcomes = { rows: 0, errors: 0 }
    for (const pageBytes of [512, 4096]) {
      const { bytes } = await makeDatabase(engine, 9, pageBytes, 1200)
      for (let seed = 1; seed <= 250; seed++) {
        const counted = countingFile(mutated(bytes, pageBytes, seed))
        const read = Effect.gen(function* () {
          const file = yield* openSqliteFile(counted, { cacheBytes: 8 * pageBytes, aheadBytes: 2 * pageBytes })
          for (const { root } of file.schema) {
            const { ...before } = counted.count
            const all = yield* Effect.exit(Stream.runDrain(file.rows(root)))
            // Twice, because a page that was fetched ahead may have left the cache before its turn.
            assert.ok(counted.count.bytes - before.bytes <= 2 * counted.size + 4096, `seed ${seed}`)
            yield* file.find(root, [7, "text 12 \u{1f980} é"])
            yield* all
          }
        })
        const exit = await Effect.runPromiseExit(read)
        if (Exit.isSuccess(exit)) outcomes.rows++
        else {
          const error = await Effect.runPromise(Effect.flip(exit))
          assert.ok(error instanceof SqliteError && error.reason === "corrupt", `seed ${seed}: ${error}`)
          outcomes.errors++
        }
      }
    }
    assert.ok(outcomes.rows > 20 && outcomes.errors > 20, JSON.stringify(outcomes))
  })

  it("refuses a long row that leads round in a circle, or into another", async () => {
    const engine = await Effect.runPromise(makeSqliteNative)
    const bytes = await withDatabase(engine, async (db) => {
      db.exec("PRAGMA page_size = 512; VACUUM")
      db.exec("CREATE TABLE t (a BLOB)")
      for (let n = 0; n < 2; n++) db.prepare("INSERT INTO t VALUES (?)").run(new Uint8Array(4620).fill(n + 1))
      return await bytesOf(db)
    })
    const file = await run(openSqliteFile(countingFile(bytes)))
    const root = rootOf(file, "t")
    const page = readPage(root, bytes.subarray((root - 1) * 512, root * 512), file.header)
    const [a, b] = [0, 1].map((n) => rowAt(page, n, file.header).overflow)
    for (const [from, to] of [[a!, a!], [a!, b!]] as const) {
      const damaged = bytes.slice()
      new DataView(damaged.buffer).setUint32((from - 1) * 512, to)
      const opened = await run(openSqliteFile(countingFile(damaged)))
      const error = await run(Effect.flip(Stream.runDrain(opened.rows(root))) as Effect.Effect<SqliteError>)
      assert.match(error.message, /is part of two rows/)
    }
  })

  it("refuses circles, rows that share pages, rows out of order, and what is no database", async () => {
    const engine = await Effect.runPromise(makeSqliteNative)
    const { bytes } = await makeDatabase(engine, 3, 512, 2000)
    const file = await run(openSqliteFile(countingFile(bytes)))
    const fails = async (change: (bytes: Uint8Array, view: DataView) => void, says: RegExp) => {
      const damaged = bytes.slice()
      change(damaged, new DataView(damaged.buffer))
      const read = Effect.flatMap(
        openSqliteFile(countingFile(damaged)),
        (file) => Stream.runDrain(file.rows(rootOf(file, "t"))),
      )
      const error = await run(Effect.flip(read) as Effect.Effect<SqliteError>)
      assert.equal(error.reason, "corrupt")
      assert.match(error.message, says)
    }
    const root = rootOf(file, "t")
    const at = (root - 1) * 512
    assert.equal(bytes[at], 5, "the root has children")
    const second = (bytes[at + 12]! << 8 | bytes[at + 13]!) + at
    await fails((_, view) => view.setUint32(at + 8, root), /is in two places/)
    await fails((_, view) => view.setUint32(at + 8, view.getUint32(second)), /is in two places|out of order/)
    await fails((_, view) => view.setUint32(at + 8, 0xffffffff), /page 4294967295 does not exist/)
    await fails((_, view) => view.setUint32(at + 8, 0), /page 0 does not exist/)
    await fails((_, view) => view.setUint32(at + 8, rootOf(file, "w")), /of another table or index/)
    await fails((bytes) => bytes[at] = 77, /not a page of a table or index/)
    await fails((bytes) => bytes.fill(255, at + 3, at + 5), /cannot have 65535 rows/)
    const cells = cellsOf(bytes, at)
    await fails((_, view) => view.setUint16(cells, 4), /a row that lies outside/)
    await fails((_, view) => view.setUint16(cells, view.getUint16(cells + 2)), /out of order/)
    const swap = (view: DataView): void => {
      const [first, second] = [view.getUint16(cells), view.getUint16(cells + 2)]
      view.setUint16(cells, second)
      view.setUint16(cells + 2, first)
    }
    await fails((_, view) => swap(view), /out of order/)
    await fails((bytes) => bytes[0] = 0, /not a SQLite database/)
    await fails((bytes) => bytes[20] = 60, /header is not valid/)
    await fails((bytes) => bytes[59] = 2, /not UTF-8/)
  })
})
