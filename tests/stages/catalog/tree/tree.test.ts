// On one runtime: the tree is portable; both engines of SQLite have a suite that runs on all three.
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import fc from "fast-check"
import type { TreeChange } from "../../../../stages/catalog/tree/change.ts"
import { makeSqliteNative } from "../../../../adapters/catalog/sqlite_native.ts"
import type { SqliteDatabase, SqliteEngine } from "../../../../stages/catalog/sqlite/sqlite.ts"
import { SqliteError } from "../../../../stages/catalog/sqlite/sqlite.ts"
import { makeSqliteWasm } from "../../../../stages/catalog/sqlite/wasm.ts"
import { openTree, type Tree } from "../../../../stages/catalog/tree/tree.ts"
import type { StoredEntry } from "../../../../stages/catalog/tree/row.ts"
import { bytesOf, shell, withDatabase } from "../../../suites/sqlite.ts"
import { store, syntheticTree, trees } from "../../../suites/tree.ts"

const NONE = new Uint8Array(0)

const file = (path: string, more: Partial<StoredEntry> = {}): StoredEntry => ({
  path,
  kind: "file",
  metadata: {},
  size: 0,
  chunks: NONE,
  ...more,
})

const directory = (path: string, mode?: number): StoredEntry => ({
  path,
  kind: "directory",
  metadata: mode === undefined ? {} : { mode },
  size: 0,
  chunks: NONE,
})

const paths = (tree: Tree, under?: string): ReadonlyArray<string> =>
  [...tree.entries(under === undefined ? {} : { under })].map((entry) => entry.path)

const large = syntheticTree(20_000)

const isError = (reason: SqliteError["reason"], says: RegExp) => (error: unknown): boolean =>
  error instanceof SqliteError && error.reason === reason && says.test(error.message)

const suite = (name: string, make: () => Promise<SqliteEngine>): void => {
  const withTree = async <A>(
    use: (tree: Tree, db: SqliteDatabase) => A | Promise<A>,
    content?: Uint8Array,
  ): Promise<A> => await withDatabase(await make(), (db) => use(openTree(db), db), content)

  describe(`a tree in ${name}`, () => {
    it("holds the entries of the last session, and applying the changes gives the same tree", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(trees, { minLength: 1, maxLength: 3 }),
          (states) =>
            withTree((tree) =>
              withTree((replayed) => {
                for (const state of states) {
                  const changes: Array<TreeChange> = []
                  store(tree, state, (change) => changes.push(change))
                  assert.deepEqual([...tree.entries()], state)
                  replayed.begin()
                  for (const change of changes) replayed.apply(change)
                  replayed.commit()
                  assert.deepEqual([...replayed.entries()], state)
                  for (const entry of state) assert.deepEqual(tree.lookup(entry.path), entry)
                  const sum = (kind: string) => state.filter((entry) => entry.kind === kind).length
                  const { files, directories, others } = tree.counts()
                  assert.deepEqual(
                    [files, directories, others],
                    [sum("file"), sum("directory"), state.length - sum("file") - sum("directory")],
                  )
                }
              })
            ),
        ),
        { numRuns: 30 },
      )
    })

    it("looks up entries before they are put and in any order, and takes them back unchanged", async () => {
      await fc.assert(
        fc.asyncProperty(
          trees,
          trees,
          fc.array(fc.nat(40), { minLength: 1, maxLength: 8 }),
          (before, after, steps) =>
            withTree((tree, db) => {
              store(tree, before)
              tree.begin()
              const all = [...before, ...after]
              for (let at = 0, step = 0; at < after.length; step++) {
                const batch = after.slice(at, at += 1 + steps[step % steps.length]!)
                const found = batch.map(({ path }) => tree.lookup(path))
                // A tree that was just opened reads each row alone.
                for (const [i, { path }] of batch.entries()) assert.deepEqual(found[i], openTree(db).lookup(path))
                for (const [i, entry] of batch.entries()) {
                  const { chunks } = found[i] ?? entry
                  tree.put(Buffer.compare(chunks, entry.chunks) === 0 ? { ...entry, chunks } : entry)
                  const { path } = all[(at * 7 + i * 3) % all.length]!
                  assert.deepEqual(tree.lookup(path), openTree(db).lookup(path))
                }
              }
              tree.removeUnseen()
              tree.commit()
              assert.deepEqual([...tree.entries()], after)
            }),
        ),
        { numRuns: 60 },
      )
    })

    it("reports and writes nothing when nothing has changed", async () => {
      const state = syntheticTree(2000)
      const content = await withTree((tree, db) => {
        store(tree, state)
        return bytesOf(db)
      })
      await withTree(async (tree, db) => {
        tree.begin((change) => assert.fail(change.op))
        for (const entry of state) assert.equal(tree.put(entry), "same")
        assert.equal(tree.removeUnseen(), 0)
        tree.commit()
        assert.deepEqual(await bytesOf(db), content)
      }, content)
      assert.equal(shell(content, "PRAGMA integrity_check") ?? "ok", "ok")
    })

    it("changes few pages for one change", async () => {
      const state = large
      const content = await withTree((tree, db) => {
        store(tree, state)
        return bytesOf(db)
      })
      const at = state.findIndex((entry, i) => i > 9000 && entry.kind === "file")
      const changed = state.with(at, { ...state[at]!, size: 1, chunks: new Uint8Array(36).fill(1) })
      for (const next of [changed, state.toSpliced(at, 1), state.toSpliced(at, 0, file(`${state[at]!.path}0`))]) {
        await withTree(async (tree, db) => {
          const changes: Array<TreeChange> = []
          store(tree, next, (change) => changes.push(change))
          assert.equal(changes.length, 1)
          const after = await bytesOf(db)
          let pages = Math.abs(after.length - content.length) / 4096
          for (let p = 0; p < Math.min(after.length, content.length); p += 4096) {
            if (Buffer.compare(after.subarray(p, p + 4096), content.subarray(p, p + 4096)) !== 0) pages += 1
          }
          assert.ok(pages < 10, `${pages} pages differ`)
        }, content)
      }
    })

    it("lists wide directories and long lists of chunks completely", () =>
      withTree((tree) => {
        const names = (prefix: string, n: number) =>
          Array.from({ length: n }, (_, i) => `${prefix}${String(i).padStart(4, "0")}`)
        const state = [
          directory(""),
          ...names("a", 600).map((name, i) => file(name, { size: i, chunks: new Uint8Array(36 * (i % 150)).fill(i) })),
          file("zz"),
          ...names("b", 200).flatMap((name) => [directory(name), file(`${name}/x`)]),
        ]
        store(tree, state)
        assert.deepEqual([...tree.entries()], state)
        assert.deepEqual(paths(tree, "b0150"), ["b0150", "b0150/x"])
        assert.deepEqual(paths(tree, "zz"), ["zz"])
        assert.deepEqual(paths(tree, "b0150/y"), [])
        const beneath = state.filter(({ path }) => path !== "" && !path.includes("/"))
        assert.deepEqual([...tree.children("")], beneath.sort((a, b) => a.path < b.path ? -1 : 1))
        assert.deepEqual([...tree.children("b0150")].map(({ path }) => path), ["b0150/x"])
        assert.deepEqual([...tree.children("zz"), ...tree.children("b0150/x"), ...tree.children("none")], [])
        const lists = (all: Iterable<Uint8Array>) =>
          [...all].filter(({ length }) => length > 0).map((list) => `${list[0]} ${list.length}`).sort()
        const short = state.map(({ chunks }) => chunks).filter(({ length }) => length <= 4096)
        assert.deepEqual(lists(tree.chunkLists()), lists(short))
        store(tree, state.filter((_, i) => i % 3 === 0))
        assert.equal(tree.counts().files, state.filter((e, i) => i % 3 === 0 && e.kind === "file").length)
      }))

    it("makes missing directories", () =>
      withTree((tree) => {
        store(tree, [file("a/b/c")])
        assert.deepEqual([...tree.entries()], [directory(""), directory("a"), directory("a/b"), file("a/b/c")])
        // A directory may be put after what is in it. That is no duplicate.
        store(tree, [file("a/b/c"), directory("a", 0o700)])
        assert.deepEqual([...tree.entries()], [directory(""), directory("a", 0o700), directory("a/b"), file("a/b/c")])
      }))

    it("replaces a directory by a file and a file by a directory", () =>
      withTree((tree) => {
        store(tree, [directory(""), directory("a"), file("a/x"), directory("a/d"), file("a/d/y")])
        store(tree, [directory(""), file("a", { size: 3 })])
        assert.deepEqual([...tree.entries()], [directory(""), file("a", { size: 3 })])
        assert.equal(tree.lookup("a/x"), undefined)
        store(tree, [file("a/x")])
        assert.deepEqual([...tree.entries()], [directory(""), directory("a"), file("a/x")])
        store(tree, [])
        assert.deepEqual(paths(tree), [])
        store(tree, [file("b")])
        assert.deepEqual(paths(tree), ["", "b"])
      }))

    it("refuses entries that cannot exist", async () => {
      const refused = (says: RegExp, ...puts: ReadonlyArray<StoredEntry>) =>
        withTree((tree) => {
          store(tree, [directory(""), directory("a"), file("a/x")])
          tree.begin()
          for (const entry of puts.slice(0, -1)) tree.put(entry)
          assert.throws(() => tree.put(puts.at(-1)!), isError("query", says))
        })
      await refused(/came before/, file("a/x"), file("a/x"))
      await refused(/came before/, file("new"), file("new"))
      await refused(/came before/, directory("new"), file("new/x"), file("new/x"))
      await refused(/came before/, file("a/x"), file("a"))
      await refused(/came before/, file("a"), file("a/x"))
      await refused(/component/, file("a/../b"))
      await refused(/absolute/, file("/a"))
      await refused(/NUL/, file("a\0"))
      await refused(/root/, file(""))
      await refused(/chunks/, file("b", { chunks: new Uint8Array(35) }))
      await refused(/size/, file("b", { size: -1 }))
      await refused(/links/, file("b", { linkTo: "../x" }))
      await refused(/kind/, { ...file("b"), kind: "unreadable" as never })
      await withTree((tree) => {
        assert.throws(() => tree.put(file("a")), isError("query", /session/))
        assert.equal(tree.lookup("/a/b"), undefined)
        assert.equal(tree.lookup("a//b"), undefined)
      })
    })

    it("clamps times that do not fit, and finds them unchanged the next time", () =>
      withTree((tree) => {
        const entry = file("a", { metadata: { mtime: 2n ** 80n, ctime: -(2n ** 80n) } })
        store(tree, [entry])
        assert.deepEqual(tree.lookup("a")?.metadata, { mtime: 2n ** 63n - 1n, ctime: -(2n ** 63n) })
        store(tree, [entry], (change) => assert.fail(change.op))
      }))

    it("opens no database with another schema", async () => {
      const good = await withTree((tree, db) => {
        store(tree, [file("a")])
        return bytesOf(db)
      })
      for (
        const sql of [
          "CREATE TABLE more (v)",
          "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
          "CREATE VIEW v AS SELECT 1",
          "CREATE INDEX i ON entry (id)",
          "DROP TABLE owner; CREATE TABLE owner (id INTEGER PRIMARY KEY, uid, gid, user, grp)",
          "PRAGMA application_id = 7",
          "PRAGMA user_version = 2",
          "DELETE FROM counter",
          "UPDATE counter SET next = -1",
          "INSERT INTO owner VALUES (-1, 1, 1, NULL, NULL)",
        ]
      ) {
        await withDatabase(await make(), (db) => {
          db.exec(sql)
          assert.throws(() => openTree(db), isError("corrupt", /./), sql)
        }, good)
      }
      await withTree((tree) => assert.deepEqual(paths(tree), ["", "a"]), good)
    })

    it("notices hostile and damaged entries", async () => {
      const state = [
        directory(""),
        file("f", { metadata: { uid: 1 } }),
        directory("a"),
        directory("a/b"),
        file("a/b/c"),
      ]
      const damaged = (sql: string, says: RegExp) =>
        withTree((tree, db) => {
          store(tree, state)
          db.exec(sql)
          assert.throws(() => [...tree.entries()], isError("corrupt", says), sql)
          // The removal ends, too, with or without an error.
          tree.begin()
          try {
            tree.removeUnseen()
            tree.put(file("a/b/c"))
            tree.removeUnseen()
          } catch (error) {
            assert.ok(error instanceof SqliteError)
          }
        })
      const of = (name: string) => `WHERE name = CAST('${name}' AS BLOB)`
      await damaged(`UPDATE entry SET name = x'2e2e' ${of("f")}`, /named "\.\."/)
      await damaged(`UPDATE entry SET name = x'612f62' ${of("f")}`, /named "a\/b"/)
      await damaged(`UPDATE entry SET name = x'6100' ${of("f")}`, /named "a\\x00"/)
      await damaged(`UPDATE entry SET name = x'' ${of("f")}`, /no directory/)
      await damaged(`UPDATE entry SET id = 1 ${of("b")}`, /belongs to another/)
      await damaged(`UPDATE entry SET id = 3 ${of("b")}`, /belongs to another/)
      await damaged(`UPDATE entry SET parent = 4 ${of("b")}`, /no directory/)
      await damaged(`UPDATE entry SET id = -5 ${of("f")}`, /ID/)
      await damaged(`UPDATE entry SET parent = 99 ${of("f")}`, /no directory/)
      await damaged(`UPDATE entry SET kind = 9 ${of("f")}`, /kind/)
      await damaged(`UPDATE entry SET owner = 9 ${of("f")}`, /owner/)
      await damaged(`UPDATE entry SET size = -1 ${of("f")}`, /numbers/)
      await damaged(`UPDATE entry SET content = x'00' ${of("f")}`, /chunks/)
      await damaged(`UPDATE entry SET link = x'2e2e' ${of("f")}`, /links/)
    })

    it("gives entries or an error, whatever the damage to its file", async () => {
      const content = await withTree((tree, db) => {
        store(tree, syntheticTree(500))
        return bytesOf(db)
      })
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.nat(content.length - 1), fc.nat(255)), { minLength: 1, maxLength: 30 }),
          async (changes) => {
            const bad = content.slice()
            for (const [at, byte] of changes) bad[at] = byte
            const engine = await make()
            const read = Effect.scoped(Effect.flatMap(
              engine.open(Stream.make(bad)),
              (db) =>
                Effect.try({ try: () => [...openTree(db).entries()].length, catch: (error) => error as SqliteError }),
            ))
            const result = await Effect.runPromise(Effect.result(read))
            if (result._tag === "Failure") assert.ok(result.failure instanceof SqliteError, String(result.failure))
          },
        ),
        { numRuns: 60 },
      )
    })
  })
}

suite("node:sqlite", () => Effect.runPromise(makeSqliteNative))
suite("sqlite-wasm", () => Effect.runPromise(makeSqliteWasm))
