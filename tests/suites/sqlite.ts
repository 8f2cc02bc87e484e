/** The contract of {@link SqliteEngine}, for every engine. */
import { skipIf } from "../skip.ts"
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Effect, Exit, type Scope, Stream } from "effect"
import {
  type SqliteDatabase,
  type SqliteEngine,
  SqliteError,
  type SqliteValue,
} from "../../stages/catalog/sqlite/sqlite.ts"

/** Runs `use` on a database, empty or with content; the database closes afterwards. */
export const withDatabase = <A>(
  engine: SqliteEngine,
  use: (db: SqliteDatabase) => A | Promise<A>,
  content?: Uint8Array,
): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const db = yield* engine.open(content && streamOf(content))
    return yield* Effect.promise(async () => await use(db))
  })))

/** All bytes of a database. */
export const bytesOf = async (db: SqliteDatabase, pieceBytes: number = 1 << 20): Promise<Uint8Array> =>
  join_(await Effect.runPromise(Stream.runCollect(db.bytes(pieceBytes))))

/** What the command-line shell of SQLite says about a database; undefined when the shell is not installed. */
export const shell = (content: Uint8Array, sql: string): string | undefined => {
  const directory = mkdtempSync(join(tmpdir(), "penstock-test-"))
  try {
    const path = join(directory, "a.db")
    writeFileSync(path, content)
    return execFileSync("sqlite3", [path, sql], { encoding: "utf8" }).trim()
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined
    throw error
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const streamOf = (content: Uint8Array): Stream.Stream<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  for (let at = 0; at < content.length; at += 10_000) parts.push(content.subarray(at, at + 10_000))
  return Stream.fromIterable(parts)
}

const join_ = (parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

const opening = (engine: SqliteEngine, content: Uint8Array): Promise<Exit.Exit<unknown, SqliteError>> => {
  const open: Effect.Effect<SqliteDatabase, SqliteError, Scope.Scope> = engine.open(streamOf(content))
  return Effect.runPromiseExit(Effect.scoped(Effect.map(open, (db) => db.prepare("PRAGMA integrity_check").all())))
}

const isSqliteError = (reason: SqliteError["reason"]) => (error: unknown): boolean =>
  error instanceof SqliteError && error.reason === reason && error.message.length > 10

/** A deterministic sequence of 32-bit numbers (xorshift). */
const numbers = (seed: number) => (): number => {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return seed >>> 0
}

const sample = async (engine: SqliteEngine): Promise<Uint8Array> =>
  await withDatabase(engine, async (db) => {
    db.exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
    const insert = db.prepare("INSERT INTO t VALUES (?, ?)")
    db.exec("BEGIN")
    for (let i = 0; i < 2000; i++) insert.run(i, new Uint8Array(40).fill(i))
    db.exec("COMMIT")
    return await bytesOf(db)
  })

/** Registers the tests. `textEndsAtNul`: why this engine does not keep text with NUL, if it does not. */
export const sqliteSuite = (
  name: string,
  make: () => Promise<SqliteEngine>,
  options: { readonly textEndsAtNul?: string | undefined } = {},
): void => {
  describe(name, () => {
    it("gives every value back unchanged", async () => {
      await withDatabase(await make(), (db) => {
        db.exec("CREATE TABLE t (v)")
        const insert = db.prepare("INSERT INTO t VALUES (?) RETURNING v, typeof(v)")
        const big = new Uint8Array(3_000_001).map((_, i) => i * 7)
        const cases: ReadonlyArray<readonly [SqliteValue, string]> = [
          [null, "null"],
          [0, "integer"],
          [-1, "integer"],
          [2 ** 31, "integer"],
          [2 ** 53 - 1, "integer"],
          [-(2 ** 53 - 1), "integer"],
          [2n ** 53n, "integer"],
          [2n ** 63n - 1n, "integer"],
          [-(2n ** 63n), "integer"],
          [1.5, "real"],
          [-0, "real"],
          [Number.MAX_VALUE, "real"],
          [Infinity, "real"],
          ["", "text"],
          ["naïve \u{1f980}", "text"],
          ["\ufeffmark", "text"],
          [new Uint8Array(0), "blob"],
          [Uint8Array.of(0, 255, 0), "blob"],
          [big, "blob"],
          [big.subarray(1, 100), "blob"],
          ["x".repeat(2_000_000), "text"],
        ]
        for (const [value, type] of cases) assert.deepEqual(insert.get(value), [value, type])
        // A small bigint is the same integer as a number.
        assert.deepEqual(insert.get(5n), [5, "integer"])
        assert.throws(() => insert.get(2n ** 63n), isSqliteError("query"))
      })
    })

    it(...skipIf(options.textEndsAtNul, "keeps NUL in text"), async () => {
      await withDatabase(await make(), (db) => assert.deepEqual(db.prepare("SELECT ?").get("a\0b"), ["a\0b"]))
    })

    it("gives rows one by one, and an iteration may end early", async () => {
      await withDatabase(await make(), (db) => {
        db.exec("CREATE TABLE t (v); INSERT INTO t VALUES (1), (2), (3)")
        const select = db.prepare("SELECT v FROM t WHERE v >= ? ORDER BY v")
        for (const row of select.iterate(1)) {
          assert.deepEqual(row, [1])
          break
        }
        assert.deepEqual([...select.iterate(2)], [[2], [3]])
        assert.deepEqual(select.all(3), [[3]])
        assert.equal(select.get(4), undefined)
        // An unfinished iteration would keep a read transaction open, and the table locked.
        db.exec("DROP TABLE t")
      })
    })

    it("throws typed errors", async () => {
      await withDatabase(await make(), (db) => {
        db.exec("CREATE TABLE t (v UNIQUE)")
        assert.throws(() => db.exec("nonsense"), isSqliteError("query"))
        assert.throws(() => db.prepare("SELECT * FROM missing"), isSqliteError("query"))
        const insert = db.prepare("INSERT INTO t VALUES (?)")
        insert.run(1)
        assert.throws(() => insert.run(1), isSqliteError("query"))
        insert.run(2)
        assert.throws(() => db.prepare("").get(), SqliteError)
      })
    })

    it("writes whole pages in pieces, which can be opened again", async () => {
      const engine = await make()
      const content = await sample(engine)
      assert.equal(content.length % 4096, 0)
      await withDatabase(engine, async (db) => {
        assert.deepEqual(db.prepare("SELECT count(*), sum(length(b)) FROM t").get(), [2000, 80_000])
        assert.deepEqual(db.prepare("PRAGMA page_size").get(), [4096])
        const parts = await Effect.runPromise(Stream.runCollect(db.bytes(5000)))
        assert.ok(parts.slice(0, -1).every((part) => part.length === 5000))
        assert.deepEqual(join_(parts), content)
        db.exec("DELETE FROM t WHERE a > 0")
        db.exec("VACUUM")
        assert.ok((await bytesOf(db)).length < content.length / 4)
        db.exec("BEGIN; INSERT INTO t VALUES (7, NULL)")
        await assert.rejects(bytesOf(db), isSqliteError("query"))
        db.exec("COMMIT")
      }, content)
      const empty = await withDatabase(engine, bytesOf)
      await withDatabase(engine, (db) => assert.deepEqual(db.prepare("SELECT * FROM sqlite_schema").all(), []), empty)
    })

    const noShell = shell(new Uint8Array(0), "SELECT 1") === undefined && "sqlite3 is not installed"
    it(...skipIf(noShell, "writes files that the shell of SQLite finds in order"), async () => {
      const said = shell(await sample(await make()), "PRAGMA integrity_check; SELECT count(*) FROM t; PRAGMA encoding")
      assert.equal(said, "ok\n2000\nUTF-8")
    })

    it("opens a database in WAL mode", async () => {
      const engine = await make()
      const content = await sample(engine)
      content.fill(2, 18, 20)
      await withDatabase(engine, (db) => {
        db.exec("INSERT INTO t VALUES (-1, NULL)")
        assert.deepEqual(db.prepare("SELECT count(*) FROM t").get(), [2001])
      }, content)
    })

    it("refuses content that is not a database", async () => {
      const engine = await make()
      const content = await sample(engine)
      const random = numbers(1)
      const noise = new Uint8Array(8192).map(random)
      const headed = noise.slice()
      headed.set(content.subarray(0, 100))
      const cut = [0, 1, 99, 100, 4096, content.length - 4096, content.length - 1].map((n) => content.subarray(0, n))
      for (const bad of [noise, headed, ...cut]) {
        const exit = await opening(engine, bad)
        assert.ok(Exit.isFailure(exit), `content of ${bad.length} bytes`)
        assert.match(String(exit.cause), /SqliteError/)
      }
    })

    it("gives an error or rows for any damage, and never crashes", async () => {
      const engine = await make()
      const content = await sample(engine)
      const random = numbers(42)
      for (let round = 0; round < 60; round++) {
        const bad = content.slice()
        for (let i = 0; i <= round % 8; i++) bad[random() % (round % 2 ? bad.length : 4200)] = random()
        const exit = await opening(engine, bad)
        if (Exit.isFailure(exit)) assert.match(String(exit.cause), /SqliteError/)
      }
      const page = content.slice()
      page.fill(0xff, 4096 * 3, 4096 * 4)
      await withDatabase(engine, (db) => {
        const select = db.prepare("SELECT * FROM t")
        assert.throws(() => [...select.iterate()], isSqliteError("corrupt"))
        assert.throws(() => select.all(), isSqliteError("corrupt"))
        assert.throws(() => db.prepare("SELECT sum(length(b)) FROM t").get(), isSqliteError("corrupt"))
      }, page)
    })

    it("does not trust the schema of a database", async () => {
      const engine = await make()
      await withDatabase(engine, (db) => {
        assert.deepEqual(db.prepare("PRAGMA trusted_schema").get(), [0])
        assert.deepEqual(db.prepare("PRAGMA cell_size_check").get(), [1])
        db.exec("CREATE TABLE t (v)")
        db.exec("PRAGMA writable_schema = ON")
        assert.throws(() => db.exec("UPDATE sqlite_schema SET sql = 'CREATE TABLE t (v, w)'"), isSqliteError("query"))
      })
    })

    it("fails as the content does, and closes with its scope", async () => {
      const engine = await make()
      const failed = await Effect.runPromiseExit(Effect.scoped(engine.open(Stream.fail("lost" as const))))
      assert.deepEqual(failed, Exit.fail("lost"))
      const db = await withDatabase(engine, (db) => db)
      assert.throws(() => db.exec("SELECT 1"), isSqliteError("query"))
    })

    it("opens many databases at once, independent of each other", async () => {
      const engine = await make()
      await withDatabase(engine, (a) =>
        withDatabase(engine, (b) => {
          a.exec("CREATE TABLE t (v)")
          assert.throws(() => b.exec("INSERT INTO t VALUES (1)"), isSqliteError("query"))
        }))
    })
  })
}
