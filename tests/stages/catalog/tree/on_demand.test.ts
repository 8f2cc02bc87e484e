// On one runtime: what is tested is portable, and the native engine only makes the databases.
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Exit, Stream } from "effect"
import fc from "fast-check"
import { makeSqliteNative } from "../../../../adapters/catalog/sqlite_native.ts"
import { SqliteError } from "../../../../stages/catalog/sqlite/sqlite.ts"
import { openTreeReader, type TreeReader } from "../../../../stages/catalog/tree/on_demand.ts"
import type { StoredEntry } from "../../../../stages/catalog/tree/row.ts"
import { openTree, type Tree } from "../../../../stages/catalog/tree/tree.ts"
import { bytesOf, withDatabase } from "../../../suites/sqlite.ts"
import { countingFile, mutated } from "../../../suites/sqlite_files.ts"
import { store, syntheticTree, trees } from "../../../suites/tree.ts"

const NONE = new Uint8Array(0)
const run = <A>(effect: Effect.Effect<A, SqliteError>): Promise<A> => Effect.runPromise(effect)
const all = <A>(stream: Stream.Stream<A, SqliteError>): Promise<ReadonlyArray<A>> => run(Stream.runCollect(stream))
const withoutChunks = (entries: ReadonlyArray<StoredEntry>) => entries.map((entry) => ({ ...entry, chunks: NONE }))

/** Runs `use` with the tree that holds these entries: as the engine reads it, and as it is read on demand. */
const withBoth = async (
  entries: Iterable<StoredEntry>,
  use: (tree: Tree, reader: TreeReader, bytes: Uint8Array) => Promise<void>,
): Promise<void> =>
  await withDatabase(await Effect.runPromise(makeSqliteNative), async (db) => {
    const tree = openTree(db)
    store(tree, entries)
    const bytes = await bytesOf(db)
    await use(tree, await run(openTreeReader(countingFile(bytes))), bytes)
  })

describe("a tree that is read on demand", () => {
  it("has the entries that the engine gives", async () => {
    await fc.assert(
      fc.asyncProperty(trees, (entries) =>
        withBoth(entries, async (tree, reader) => {
          assert.deepEqual(await all(reader.entries()), entries)
          assert.deepEqual(await all(reader.entries({ content: false })), withoutChunks(entries))
          for (const { path } of entries) {
            assert.deepEqual(await run(reader.lookup(path)), tree.lookup(path))
            assert.deepEqual(await all(reader.children(path)), [...tree.children(path)])
            assert.deepEqual(await all(reader.entries({ under: path })), [...tree.entries({ under: path })])
          }
          for (const path of ["none", "a/none", "a//b", "/a", "a/", "none/a"]) {
            assert.equal(await run(reader.lookup(path)), undefined)
            assert.deepEqual(await all(reader.children(path)), [])
            assert.deepEqual(await all(reader.entries({ under: path })), [])
          }
        })),
      { numRuns: 40 },
    )
  })

  it("lists a directory with more subdirectories than are remembered at once", async () => {
    const at = (path: string, kind: "file" | "directory"): StoredEntry => ({
      path,
      kind,
      metadata: {},
      size: 0,
      chunks: NONE,
    })
    const names = Array.from({ length: 2500 }, (_, i) => String(i).padStart(4, "0"))
    const entries = [
      at("", "directory"),
      ...names.map((name) => at(`${name}.txt`, "file")),
      ...names.flatMap((name) => [at(name, "directory"), at(`${name}/a`, "file")]),
    ]
    await withBoth(entries, async (_, reader) => {
      assert.deepEqual(await all(reader.entries()), entries)
    })
  })

  it("fetches little of a large catalog for a look-up and a directory", async () => {
    const entries = syntheticTree(20_000)
    await withBoth(entries, async (tree, _, bytes) => {
      const deep = entries.findLast((entry) => entry.kind === "file" && entry.path.split("/").length === 4)!
      const counted = countingFile(bytes)
      const reader = await run(openTreeReader(counted))
      assert.deepEqual(await run(reader.lookup(deep.path)), deep)
      const directory = deep.path.slice(0, deep.path.lastIndexOf("/"))
      assert.deepEqual(await all(reader.children(directory)), [...tree.children(directory)])
      assert.ok(bytes.length > 2 << 20 && counted.count.bytes < 80 << 10, `${counted.count.bytes} bytes`)
      assert.ok(counted.count.calls < 20, `${counted.count.calls} calls`)
    })
  })

  it("gives entries or an error for any damage", async () => {
    const entries = syntheticTree(800)
    await withBoth(entries, async (_, __, bytes) => {
      const outcomes = { entries: 0, errors: 0 }
      for (let seed = 1; seed <= 200; seed++) {
        const counted = countingFile(mutated(bytes, 4096, seed))
        const read = Effect.flatMap(openTreeReader(counted), (reader) => Stream.runCollect(reader.entries()))
        const exit = await Effect.runPromiseExit(read)
        if (Exit.isSuccess(exit)) {
          assert.ok(exit.value.length <= entries.length + 200, `seed ${seed}: ${exit.value.length} entries`)
          outcomes.entries++
        } else {
          const error = await Effect.runPromise(Effect.flip(exit))
          assert.ok(error instanceof SqliteError && error.reason === "corrupt", `seed ${seed}: ${error}`)
          outcomes.errors++
        }
      }
      assert.ok(outcomes.entries > 20 && outcomes.errors > 20, JSON.stringify(outcomes))
    })
  })

  it("refuses circles of directories, and what is not the catalog of a tree", async () => {
    const engine = await Effect.runPromise(makeSqliteNative)
    const refused = async (sql: string, says: RegExp) => {
      const bytes = await withDatabase(engine, async (db) => {
        const tree = openTree(db)
        store(tree, syntheticTree(50))
        db.exec(sql)
        return await bytesOf(db)
      })
      const read = Effect.flatMap(openTreeReader(countingFile(bytes)), (reader) => Stream.runDrain(reader.entries()))
      const error = await run(Effect.flip(read) as Effect.Effect<SqliteError>)
      assert.equal(error.reason, "corrupt")
      assert.match(error.message, says)
    }
    const columns = "kind, size, mode, owner, mtime, ctime, inode, device, sparse, target, link, rdev, content"
    const again = `INSERT INTO entry SELECT 2, x'61', 1, ${columns} FROM entry WHERE parent = 0`
    await refused(
      `DELETE FROM entry WHERE parent = 2; UPDATE entry SET kind = 1 WHERE id = 2; ${again}`,
      /ID 1 belongs to another/,
    )
    await refused("UPDATE entry SET name = x'2e2e' WHERE id = 2", /an entry named "\.\."/)
    await refused("DELETE FROM owner", /its owner is not listed/)
    await refused("CREATE TABLE more (x)", /another schema/)
    await refused("CREATE VIEW more AS SELECT 1", /another schema/)
    await refused("PRAGMA application_id = 1", /not the catalog of a tree/)
    await refused("PRAGMA user_version = 9", /has version 9/)
  })
})
