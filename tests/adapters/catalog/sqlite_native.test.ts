import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Effect, Exit, Stream } from "effect"
import { makeSqlite } from "../../../adapters/catalog/sqlite.ts"
import { makeSqliteNative } from "../../../adapters/catalog/sqlite_native.ts"
import { makeSqliteWasm } from "../../../stages/catalog/sqlite/wasm.ts"
import { bytesOf, sqliteSuite, withDatabase } from "../../suites/sqlite.ts"

const native = () => Effect.runPromise(makeSqliteNative)

sqliteSuite("node:sqlite", native, {
  textEndsAtNul: "Deno" in globalThis ? "node:sqlite of Deno ends text at the first NUL" : undefined,
})

describe("the file of a native database", () => {
  const inDirectory = async (use: (directory: string) => Promise<void>): Promise<void> => {
    const before = process.env["TMPDIR"]
    const directory = mkdtempSync(join(tmpdir(), "penstock-test-"))
    process.env["TMPDIR"] = directory
    try {
      await use(directory)
    } finally {
      if (before === undefined) delete process.env["TMPDIR"]
      else process.env["TMPDIR"] = before
      rmSync(directory, { recursive: true })
    }
  }

  it("has no name once it is open, so a killed process leaves nothing", {
    skip: process.platform === "win32" ? "Windows cannot remove open files" : false,
  }, () =>
    inDirectory(async (directory) => {
      await withDatabase(await native(), async (db) => {
        assert.deepEqual(readdirSync(directory), [])
        db.exec("CREATE TABLE t (v); BEGIN; INSERT INTO t VALUES (zeroblob(30000000)); COMMIT; VACUUM")
        assert.deepEqual(readdirSync(directory), [])
        assert.ok((await bytesOf(db)).length > 30_000_000)
      })
    }))

  it("is removed if opening fails", () =>
    inDirectory(async (directory) => {
      const engine = await native()
      for (const content of [Stream.fail("lost"), Stream.make(new Uint8Array(5000))]) {
        assert.ok(Exit.isFailure(await Effect.runPromiseExit(Effect.scoped(engine.open(content)))))
      }
      assert.deepEqual(readdirSync(directory), [])
    }))
})

describe("the engines", () => {
  it("read each other's files", async () => {
    const engines = [await native(), await Effect.runPromise(makeSqliteWasm)]
    for (const [a, b] of [engines, engines.toReversed()] as const) {
      const content = await withDatabase(a!, (db) => {
        db.exec("CREATE TABLE t (a INTEGER, b, c BLOB) STRICT".replace(", b,", ", b TEXT,"))
        db.prepare("INSERT INTO t VALUES (?, ?, ?)").run(-(2n ** 63n), "é", Uint8Array.of(1, 2))
        return bytesOf(db)
      })
      await withDatabase(b!, (db) => {
        assert.deepEqual(db.prepare("SELECT * FROM t").get(), [-(2n ** 63n), "é", Uint8Array.of(1, 2)])
      }, content)
    }
  })

  it("prefer the native one", async () => {
    assert.match((await Effect.runPromise(makeSqlite)).name, /^node:sqlite \d/)
  })
})
