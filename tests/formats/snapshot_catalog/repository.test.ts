/** What a snapshot catalog promises beyond the contract of all formats. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { counting } from "../../../adapters/store/counting/counting.ts"
import { fault } from "../../../adapters/store/fault/fault.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { makeSnapshotCatalog } from "../../../formats/snapshot_catalog/mod.ts"
import { RepositoryError } from "../../../formats/error.ts"
import { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { sqliteWasm } from "../../../stages/catalog/sqlite/wasm.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry, ReaderContent } from "../../../stages/walk/entry.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { readerOf } from "../../suites/reader.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import {
  alter,
  alterDatabase,
  catalogOf,
  database,
  inRepository,
  made,
  names,
  options,
  small,
  text,
  walk,
} from "./harness.ts"

const mtime = 1_600_000_000_123_456_789n
const metadata = { mtime, ctime: mtime, inode: 7n, device: 3n }
const trees: MemoryTree = {
  "": { directory: true, ...metadata },
  "large": { content: noise(100_000, 1), ...metadata },
  "small": { content: "small", ...metadata },
  "empty": { content: "", ...metadata },
  "d/other": { content: noise(20_000, 2), ...metadata, device: 4n },
}

/** The same entries, with content that cannot be read. */
const unreadable = (): Stream.Stream<Entry> =>
  Stream.map(
    walk(trees),
    (entry) =>
      entry.kind !== "file"
        ? entry
        : { ...entry, content: { open: () => assert.fail(`An unchanged file was opened: ${entry.path}`) } },
  )

const treeOf = Effect.fnUntraced(function* (store: ObjectStore, name: string) {
  const db = yield* (yield* SqliteEngine).open(Stream.fromEffect(store.get(name, { atMost: Infinity })))
  return db.prepare("SELECT value FROM metadata WHERE key = 'tree'").get()![0]
})

describe("snapshot catalogs in a repository", () => {
  it("uses the extents that a source gives", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const bytes = noise(70_000, 9)
        const content: ReaderContent = { ...readerOf(() => ({ bytes })), extents: [9_000, 50_000, 11_000] }
        const entry: Entry = { path: "a", kind: "file", metadata: {}, size: bytes.length, content }
        const summary = yield* repository.backup(Stream.make(entry), options)
        const extents = yield* Stream.runCollect(store.list("extents/"))
        // The maximum of the chunker here is 16 KiB.
        assert.deepEqual(extents.map(({ size }) => size).sort((a, b) => a - b), [
          848,
          9_000,
          11_000,
          16384,
          16384,
          16384,
        ])
        const back = yield* factsOf(repository.entries(made(summary)))
        assert.equal(back.get("a")!.size, bytes.length)
      })
    ))

  it("reads nothing of an unchanged tree, and uploads only the catalog and the index", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const first = yield* repository.backup(walk(trees), options)
        const before = yield* names(store)
        const { written } = store.counts()
        const second = yield* repository.backup(unreadable(), options)
        assert.equal(store.counts().written - written, 2)
        assert.deepEqual(
          (yield* names(store)).filter((name) => !before.includes(name)),
          [catalogOf(second)],
        )
        assert.equal(yield* treeOf(store, catalogOf(first)), yield* treeOf(store, catalogOf(second)))
        assert.deepEqual([second.filesUnchanged, second.bytesAdded, second.chunksNew], [4, 0, 0])
        const restored = yield* factsOf(repository.entries(made(second)))
        assert.deepEqual(restored, yield* factsOf(walk(trees)))
        assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])

        // Another machine has to read the files, but uploads no extent either. Its tree hash is the same.
        const other = yield* repository.backup(walk(trees), { ...options, hostname: "other" })
        assert.deepEqual([other.filesUnchanged, other.bytesAdded, other.chunksNew], [0, 0, 0])
        assert.equal(yield* treeOf(store, catalogOf(first)), yield* treeOf(store, catalogOf(other)))
        assert.deepEqual(
          (yield* names(store, "extents/")).length,
          (before.filter((name) => name.startsWith("ext"))).length,
        )
      })
    ))

  it("uploads no extent that is in the store but not in the parent", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk(trees), { ...options, hostname: "other" })
        yield* repository.backup(walk({ "new": { content: "new" } }), options)
        const extents = yield* names(store, "extents/")
        const summary = yield* repository.backup(walk({ ...trees, "new": { content: "new" } }), options)
        assert.deepEqual([summary.bytesAdded, summary.chunksNew], [0, 0])
        assert.deepEqual(yield* names(store, "extents/"), extents)
      })
    ))

  it("stores lost extents again when all files are read", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const first = yield* repository.backup(walk(trees), options)
        for (const name of yield* names(store)) {
          if (name.startsWith("extents/") || name.startsWith("blobs/")) yield* store.remove(name)
        }
        const facts = yield* factsOf(repository.entries(made(first)))
        assert.deepEqual([...facts.values()].filter(({ damage }) => damage !== undefined).length, 3)
        yield* repository.backup(walk(trees), { ...options, parent: "none" })
        assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
        assert.deepEqual(yield* factsOf(repository.entries(made(first))), yield* factsOf(walk(trees)))
      })
    ))

  it("names the files that lose content with a damaged, cut or missing extent", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk({ ...trees, "copy": { content: noise(100_000, 1) } }), options)
        const db = yield* (yield* SqliteEngine).open(
          Stream.fromEffect(store.get(catalogOf(summary), { atMost: Infinity })),
        )
        const objects = db.prepare(
          `SELECT DISTINCT lower(hex(extent_id)) FROM blob_extents JOIN files USING (blob_id)
            WHERE path = CAST('large' AS BLOB) ORDER BY "offset"`,
        ).all().map(([id]) => String(id).replace(/^(..)(..)/, "extents/$1/$2/"))
        assert.ok(objects.length > 5)
        const damages = [
          () => alter(store, objects[1]!, (bytes) => bytes.map((byte, i) => i === 5 ? byte ^ 1 : byte)),
          () => alter(store, objects[2]!, (bytes) => bytes.subarray(1)),
          () => store.remove(objects[3]!),
          () => alter(store, objects[4]!, (bytes) => new Uint8Array([...bytes, 0])),
        ]
        for (const damage of damages) yield* damage()
        const structure = yield* repository.check({ readData: 0 })
        // The memory store keeps content types, so the size of an extent proves nothing.
        assert.deepEqual(structure.findings.map(({ object }) => object), [objects[3]])
        const { bytesRead, findings } = yield* repository.check({ readData: 100 })
        assert.deepEqual(findings.map(({ object }) => object).sort(), objects.slice(1, 4).sort())
        assert.ok(bytesRead > 100_000)
        const snapshot = summary.snapshot!.id
        for (const { files } of findings) {
          if (files.length > 0) assert.deepEqual(files.map(({ path }) => path).sort(), ["copy", "large"])
        }
        assert.ok(
          findings.some(({ files }) => files.some((file) => file.snapshot === snapshot && file.path === "large")),
        )
        const facts = yield* factsOf(repository.entries(made(summary)))
        assert.deepEqual([...facts].filter(([, { damage }]) => damage !== undefined).map(([path]) => path), [
          "copy",
          "large",
        ])
      })
    ))

  it("finds a damaged extent that no snapshot has", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const name = `extents/ab/cd/${"0".repeat(60)}`
        yield* store.put(name, [text("x")])
        const { findings } = yield* repository.check({ readData: 100 })
        assert.deepEqual(findings.map(({ files, object }) => [object, files]), [[name, []]])
      })
    ))

  it(
    "works without an index, with a damaged or an outdated one, and writes it again",
    { timeout: 60_000 },
    () =>
      inRepository((repository, store) =>
        Effect.gen(function* () {
          const first = yield* repository.backup(walk(trees), options)
          const outdated = yield* store.get("catalog.idx", { atMost: Infinity })
          const second = yield* repository.backup(walk({ "a": { content: "1" } }), { ...options, tags: ["x"] })
          const listed = yield* repository.snapshots
          assert.deepEqual(listed, [first.snapshot, second.snapshot])
          const breakings: ReadonlyArray<readonly [findings: number, Effect.Effect<unknown, unknown>]> = [
            [1, store.remove("catalog.idx")],
            [1, alter(store, "catalog.idx", (bytes) => bytes.subarray(0, 5000))],
            [1, alter(store, "catalog.idx", () => text("not a database"))],
            [0, store.put("catalog.idx", [outdated], { replace: true })],
          ]
          for (const [findings, breaking] of breakings) {
            yield* Effect.orDie(breaking)
            assert.deepEqual(yield* repository.snapshots, listed)
            assert.equal((yield* repository.check({ readData: 0 })).findings.length, findings)
            const rebuilt = yield* repository.rebuild
            assert.deepEqual(rebuilt.snapshots, listed)
            assert.deepEqual(rebuilt.findings, [])
            assert.deepEqual(rebuilt.rebuiltObjects, findings === 0 ? [] : ["catalog.idx"])
            const db = yield* (yield* SqliteEngine).open(
              Stream.fromEffect(store.get("catalog.idx", { atMost: Infinity })),
            )
            assert.deepEqual(db.prepare("SELECT count(*) FROM catalogs").get(), [2])
            assert.deepEqual((yield* repository.check({ readData: 0 })).findings, [])
          }
          // A backup writes it too.
          yield* store.remove("catalog.idx")
          yield* repository.backup(walk({}), options)
          const db = yield* (yield* SqliteEngine).open(
            Stream.fromEffect(store.get("catalog.idx", { atMost: Infinity })),
          )
          assert.deepEqual(db.prepare("SELECT count(*) FROM catalogs").get(), [3])
        })
      ),
  )

  it("has an index on every column of the index of catalogs", () =>
    inRepository((_repository, store) =>
      Effect.gen(function* () {
        const db = yield* (yield* SqliteEngine).open(Stream.fromEffect(store.get("catalog.idx", { atMost: Infinity })))
        const columns = db.prepare("SELECT name FROM pragma_table_info('catalogs')").all().map(([name]) => name).sort()
        const indexed = db.prepare(
          `SELECT info.name FROM pragma_index_list('catalogs') AS list JOIN pragma_index_xinfo(list.name) AS info
            WHERE info.seqno = 0`,
        ).all().map(([name]) => name).sort()
        assert.deepEqual(indexed, columns)
      })
    ))

  it("keeps the other snapshots if one catalog is damaged, and reports it", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const first = yield* repository.backup(walk(trees), options)
        const second = yield* repository.backup(walk(trees), options)
        yield* alter(store, catalogOf(second), (bytes) => bytes.fill(0, 4096, 12_000))
        const { findings } = yield* repository.check({ readData: 0 })
        assert.deepEqual(findings.map(({ object }) => object), [catalogOf(second)])
        const error = yield* Effect.flip(Stream.runDrain(repository.entries(made(second))))
        assert.ok(error instanceof RepositoryError && error.reason === "corrupt" && error.object === catalogOf(second))
        const rebuilt = yield* repository.rebuild
        assert.deepEqual(rebuilt.snapshots, [first.snapshot])
        assert.deepEqual(rebuilt.findings.map(({ object }) => object), [catalogOf(second)])
        assert.deepEqual(yield* repository.snapshots, [first.snapshot])
        // A damaged catalog cannot be the parent: the tree is read again.
        const third = yield* repository.backup(walk(trees), options)
        assert.equal(third.snapshot!.parent, first.snapshot!.id)
      })
    ))

  it("finds bytes after the end of a catalog, which can still be read", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk(trees), options)
        const entries = yield* Stream.runCollect(repository.entries(made(summary), { content: false }))
        yield* alter(store, catalogOf(summary), (bytes) => Uint8Array.of(...bytes, ...new Uint8Array(4096)))
        const { findings } = yield* repository.check({ readData: 0 })
        assert.deepEqual(findings.map(({ message, object }) => [object, /4096 bytes after the end/.test(message)]), [
          [catalogOf(summary), true],
        ])
        assert.deepEqual(yield* Stream.runCollect(repository.entries(made(summary), { content: false })), entries)
      })
    ))

  it("reads all files again if the parent was damaged after it was indexed", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const first = yield* repository.backup(walk(trees), options)
        yield* alter(store, catalogOf(first), (bytes) => bytes.subarray(0, 8192))
        const second = yield* repository.backup(walk(trees), options)
        assert.deepEqual([second.filesUnchanged, second.snapshot!.parent], [0, undefined])
      })
    ))

  it("says that a later program wrote a catalog or a map", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk(trees), options)
        yield* alterDatabase(store, catalogOf(summary), "UPDATE metadata SET value = '2' WHERE key = 'protocol'")
        const error = yield* Effect.flip(Stream.runDrain(repository.entries(made(summary))))
        assert.ok(error instanceof RepositoryError && error.reason === "newer", error.message)
      })
    ))

  it("writes lost and altered maps again", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk(trees), options)
        const maps = yield* names(store, "blobs/")
        assert.equal(maps.length, 4)
        const before = yield* Effect.forEach(maps, (name) => store.get(name, { atMost: Infinity }))
        yield* store.remove(maps[0]!)
        yield* alter(store, maps[1]!, (bytes) => bytes.subarray(1))
        yield* alter(store, maps[2]!, (bytes) => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1))
        const { findings } = yield* repository.check({ readData: 100 })
        assert.deepEqual(findings.map(({ object }) => object).sort(), maps.slice(0, 3).sort())
        const rebuilt = yield* repository.rebuild
        assert.deepEqual(rebuilt.findings, [])
        assert.deepEqual([...rebuilt.rebuiltObjects ?? []].sort(), maps.slice(0, 3).sort())
        assert.deepEqual(yield* Effect.forEach(maps, (name) => store.get(name, { atMost: Infinity })), before)
      })
    ))

  it("compresses extents only if the store keeps content types, and reads any mixture", () =>
    runFormat(Effect.gen(function* () {
      const keeping = yield* memoryStore.make()
      const { contentType: _, ...properties } = keeping.properties
      const plain = { ...yield* memoryStore.make(), properties }
      const tree: MemoryTree = { "text": { content: "text ".repeat(10_000) } }
      for (const [store, compressed] of [[keeping, true], [plain, false]] as const) {
        yield* Effect.gen(function* () {
          const repository = yield* makeSnapshotCatalog().create({})
          const summary = yield* repository.backup(walk(tree), options)
          const [name] = yield* names(store, "extents/")
          const info = yield* store.stat(name!)
          assert.equal(info.contentType, compressed ? "application/zstd" : undefined)
          assert.equal(info.size < 1000, compressed)
          assert.deepEqual(yield* factsOf(repository.entries(made(summary))), yield* factsOf(walk(tree)))
          const unpressed = yield* makeSnapshotCatalog(small).open({})
          const mixed = yield* unpressed.backup(walk({ ...tree, "b": { content: "b".repeat(9000) } }), options)
          assert.deepEqual((yield* factsOf(repository.entries(made(mixed)))).get("b")!.damage, undefined)
          assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
          yield* alter(store, name!, (bytes) => bytes.subarray(0, bytes.length - 1))
          assert.equal((yield* repository.check({ readData: 100 })).findings.length, 1)
        }).pipe(Effect.provideService(ObjectStore, store))
      }
    })))

  it("wraps catalogs in zstd when asked to", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk(trees), options)
        assert.deepEqual(
          (yield* store.get(catalogOf(summary), { atMost: Infinity })).subarray(0, 4),
          Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd),
        )
        yield* repository.backup(unreadable(), options)
        assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
      }), { ...small, wrap: true }))

  it(
    "leaves a repository that needs no repair, whichever operation fails",
    { timeout: 60_000 },
    () =>
      runFormat(Effect.gen(function* () {
        const format = makeSnapshotCatalog({ average: 4 << 10 })
        const tree: MemoryTree = { "d/two": { content: noise(12_000, 1) }, "one": { content: "1" } }
        let n = 0
        for (let hit = true; hit;) {
          n++
          const inner = yield* memoryStore.make()
          const provided = <A, E, R>(effect: Effect.Effect<A, E, R>, store: ObjectStore) =>
            Effect.provideService(effect, ObjectStore, store)
          yield* provided(format.create({}), inner)
          const failing = fault(inner, { nth: n, effect: "fail" })
          yield* provided(
            Effect.flatMap(format.open({}), (repository) => repository.backup(walk(tree), options)),
            failing,
          ).pipe(Effect.option)
          hit = failing.hit() !== undefined
          const repository = yield* provided(format.open({}), inner)
          assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [], `operation ${n}`)
          const again = yield* repository.backup(walk(tree), options)
          assert.deepEqual(yield* factsOf(repository.entries(made(again))), yield* factsOf(walk(tree)))
        }
        assert.ok(n > 15)
      })),
  )

  it("keeps values that do not fit into the columns", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const odd: Entry = {
          path: "odd",
          kind: "file",
          size: 0,
          content: new Uint8Array(0),
          metadata: {
            mode: 0o7777,
            uid: 4294967295,
            gid: 0,
            user: "",
            group: "gröup",
            mtime: -1n,
            ctime: -(10n ** 18n) - 1n,
            inode: 2n ** 64n - 1n,
            device: 2n ** 64n - 1n,
          },
        }
        const link: Entry = { path: "link \udcfe", kind: "symlink", size: 0, target: "\udcff/x\u0001", metadata: {} }
        const hard: Entry = { ...odd, path: "z", linkTo: "odd", metadata: { mtime: 2n ** 80n } }
        const summary = yield* repository.backup(Stream.fromIterable([link, odd, hard]), options)
        const back = yield* Stream.runCollect(repository.entries(made(summary)))
        assert.deepEqual(
          back.map(({ content: _, contentId: _id, ...entry }) => entry),
          [link, odd, hard].map(({ content: _, ...entry }) => entry),
        )
      })
    ))

  it("reads with SQLite as WebAssembly what the native engine wrote, and the other way round", () =>
    inRepository((native, store) =>
      Effect.gen(function* () {
        const portable = yield* Effect.provide(makeSnapshotCatalog(small).open({}), sqliteWasm)
        const tree = yield* factsOf(walk(trees))
        const first = yield* native.backup(walk(trees), options)
        assert.deepEqual(yield* factsOf(portable.entries(made(first))), tree)
        const second = yield* portable.backup(unreadable(), options)
        assert.deepEqual(yield* factsOf(native.entries(made(second))), tree)
        assert.equal(
          (yield* store.get(catalogOf(second), { atMost: Infinity })).length,
          (yield* store.get(catalogOf(first), { atMost: Infinity })).length,
        )
        assert.deepEqual((yield* portable.check({ readData: 100 })).findings, [])
        assert.deepEqual((yield* portable.rebuild).snapshots, yield* native.snapshots)
      })
    ))

  it("does not mistake the catalogs of a pipeline for a repository", () =>
    runFormat(Effect.gen(function* () {
      const store = counting(yield* memoryStore.make())
      yield* store.put("catalogs/2024.sqlite", [yield* database("CREATE TABLE entry (id)")])
      assert.equal(
        yield* Effect.provideService(makeSnapshotCatalog().recognise, ObjectStore, store),
        false,
      )
    })))
})
