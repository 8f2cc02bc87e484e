/** A repository of another program keeps its forms, and its files can be converted to other formats. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { zstdDecompressSync } from "node:zlib"
import { Effect, Stream } from "effect"
import { counting } from "../../../adapters/store/counting/counting.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../../formats/bkp/mod.ts"
import { convert } from "../../../formats/convert.ts"
import { makeSnapshotCatalog, type SnapshotCatalogOptions } from "../../../formats/snapshot_catalog/mod.ts"
import { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { hasher, ID, treeHash, type Ways, writeForeign } from "./foreign.ts"
import { alterDatabase, catalogOf, inRepository, made, names, options, small, walk } from "./harness.ts"

const digest = (text: string): Uint8Array => hasher.digest(new TextEncoder().encode(text))

/** The form of a catalog in the store, found without the library. */
const seen = Effect.fnUntraced(function* (store: ObjectStore, id: string, ways: Ways) {
  const nested = `catalogs/${id.slice(0, 2)}/${id.slice(2, 4)}/${id.slice(4)}`
  const stored = yield* store.get(ways.flat === true ? `catalogs/${id}` : nested, { atMost: Infinity })
  const bytes = ways.wrap === true ? new Uint8Array(zstdDecompressSync(stored)) : stored
  assert.equal(new TextDecoder().decode(bytes.subarray(0, 15)), "SQLite format 3", "the catalog is wrapped otherwise")
  const db = yield* (yield* SqliteEngine).open(Stream.succeed(bytes))
  const metadata = Object.fromEntries(
    db.prepare("SELECT key, value FROM metadata").all().map(([key, value]) => [key, JSON.parse(String(value))]),
  )
  const files = db.prepare("SELECT path, blob_id FROM files WHERE blob_id IS NOT NULL").all().map(([path, blob]) =>
    [new TextDecoder().decode(path as Uint8Array), blob as Uint8Array] as const
  )
  return { metadata, files }
})

const ALL: ReadonlyArray<Ways> = [
  { wrap: true, flat: true, tree: "program", nulls: true },
  { wrap: false, flat: false, tree: "document" },
  { wrap: true, flat: false, tree: "program" },
  { wrap: false, flat: true, tree: "document" },
]

describe("variants of snapshot catalogs", () => {
  for (const ways of ALL) {
    it(`another snapshot has the form of the existing one: ${JSON.stringify(ways)}`, () =>
      inRepository((repository, store) =>
        Effect.gen(function* () {
          yield* writeForeign(store, ways)
          const tree = { "d/z": { content: "one two" }, "zz/longer": { content: "one two" } }
          // From the same host with a parent, from it without one, and from another host.
          for (
            const [hostname, more] of [["elsewhere", { parent: ID }], ["elsewhere", {}], ["other", {}]] as const
          ) {
            const { snapshot } = yield* repository.backup(walk(tree), { ...options, hostname, ...more })
            const { files, metadata } = yield* seen(store, snapshot!.id, ways)
            assert.equal(metadata["tree"], treeHash(files, ways.tree!))
            assert.equal(metadata["machine"] === "ab".repeat(16), hostname === "elsewhere")
          }
          assert.equal((yield* repository.snapshots).length, 4)
          const { findings } = yield* repository.check({ readData: 100 })
          assert.deepEqual(findings.flatMap(({ files }) => files).map(({ path }) => path), ["weird"])
          yield* repository.rebuild
          yield* store.remove("catalog.idx")
          const { snapshot } = yield* repository.backup(walk(tree), { ...options, parent: "none" })
          yield* seen(store, snapshot!.id, ways)
        })
      ))
  }

  it("a new repository keeps the form of its creation, whatever the options of later runs", () =>
    runFormat(Effect.gen(function* () {
      const store = counting(yield* memoryStore.make())
      const write: SnapshotCatalogOptions = { ...small, wrap: true, catalogs: "flat", tree: "program" }
      yield* Effect.gen(function* () {
        yield* makeSnapshotCatalog(write).create({})
        yield* (yield* makeSnapshotCatalog(small).open({})).rebuild
        const summary = yield* (yield* makeSnapshotCatalog(small).open({})).backup(
          walk({ "a": { content: "one two" } }),
          options,
        )
        yield* seen(store, made(summary).id, { wrap: true, flat: true, tree: "program" })
        assert.deepEqual(yield* names(store, "catalogs/"), [`catalogs/${made(summary).id}`])
      }).pipe(Effect.provideService(ObjectStore, store))
    })))

  it("the machine ID is the given one, the last one of the host, this machine's, or derived from the name", () =>
    runFormat(Effect.gen(function* () {
      const store = counting(yield* memoryStore.make())
      const thisMachine = { hostname: "here", id: "0123456789abcdef".repeat(2) }
      const machine = (format: SnapshotCatalogOptions, hostname: string, more: { readonly machine?: string } = {}) =>
        Effect.gen(function* () {
          const repository = yield* makeSnapshotCatalog({ ...small, ...format }).open({})
          const { snapshot } = yield* repository.backup(walk({}), { ...options, hostname, ...more })
          assert.deepEqual((yield* repository.snapshots).find(({ id }) => id === snapshot!.id), snapshot)
          return snapshot!.machine
        })
      yield* Effect.gen(function* () {
        yield* makeSnapshotCatalog(small).create({})
        assert.equal(yield* machine({ thisMachine }, "here"), thisMachine.id)
        const made = yield* machine({ thisMachine }, "there")
        assert.match(made!, /^[0-9a-f]{32}$/)
        assert.notEqual(made, thisMachine.id)
        assert.equal(yield* machine({ machine: "aa".repeat(16) }, "there"), "aa".repeat(16))
        assert.equal(yield* machine({ thisMachine: { ...thisMachine, hostname: "there" } }, "there"), "aa".repeat(16))
        assert.equal(yield* machine({}, "there", { machine: "bb".repeat(16) }), "bb".repeat(16))
      }).pipe(Effect.provideService(ObjectStore, store))
    })))

  it("holes with rows are read and converted, and name and machine are kept", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* writeForeign(store, { nulls: true, flat: true, tree: "program" })
        const [info] = yield* repository.snapshots
        for (const format of [makeSnapshotCatalog(small), makeBkp()]) {
          yield* Effect.gen(function* () {
            const target = yield* format.create({})
            yield* Stream.runDrain(convert(repository, target))
            const [copy] = yield* target.snapshots
            const facts = yield* factsOf(target.entries(copy!))
            const original = yield* factsOf(repository.entries(info!))
            for (const path of ["d/holes", "d.txt", "d/z"]) {
              assert.equal(facts.get(path)!.content, original.get(path)!.content)
            }
            if (format.name === "bkp") return
            assert.equal(facts.get("d/holes")!.sparse, true)
            assert.deepEqual([copy!.name, copy!.machine], ["a name", "ab".repeat(16)])
          }).pipe(Effect.provideService(ObjectStore, yield* memoryStore.make()))
        }
        assert.deepEqual((yield* repository.check({ readData: 100 })).findings.flatMap(({ files }) => files), [
          { snapshot: ID, path: "weird", message: `Its kind, "teapot", is unknown to this Penstock` },
        ])
      })
    ))

  it("a check gives each file its own reason", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const tree = { "a": { content: "first" }, "b": { content: "second" }, "c": { content: "third" } }
        const summary = yield* repository.backup(walk(tree), options)
        yield* alterDatabase(
          store,
          catalogOf(summary),
          `DELETE FROM blobs WHERE blob_id = x'${Buffer.from(digest("first")).toString("hex")}';
            UPDATE blob_extents SET bytes = 99 WHERE blob_id = x'${Buffer.from(digest("second")).toString("hex")}'`,
        )
        const { findings } = yield* repository.check({ readData: 0 })
        const reasons = findings.flatMap(({ files }) => files).map(({ message, path }) => [path, message])
        assert.deepEqual(reasons, [
          ["a", "the catalog does not give its length"],
          ["b", "its extents overlap or go beyond its end"],
        ])
      })
    ))

  it("a map is right if it agrees with any catalog, because writers cut a content in different ways", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const tree = { "text": { content: "text ".repeat(10_000) } }
        for (const average of [4 << 10, 1 << 20, 8 << 10]) {
          const writer = yield* makeSnapshotCatalog({ ...small, average }).open({})
          yield* writer.backup(walk(tree), { ...options, parent: "none" })
        }
        assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
        const [map] = yield* names(store, "blobs/")
        yield* store.put(map!, [(yield* store.get(map!, { atMost: Infinity })).subarray(0, 18)], { replace: true })
        assert.deepEqual((yield* repository.check({ readData: 0 })).findings.map(({ object }) => object), [map])
      })
    ))
})
