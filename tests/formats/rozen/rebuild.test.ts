/** What a rebuild makes again, and what it says of the rest. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { makeRozenV0 } from "../../../formats/rozen/v0/mod.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { kinds, options, secrets, small } from "./harness.ts"
import { objectsOf, storeOf } from "../../suites/format/objects.ts"
import {
  clean,
  expected,
  findings,
  flipped,
  metadata,
  namesOf,
  nothingLost,
  onCopy,
  openIn,
  original,
  put,
  restoreAll,
  trees,
  walk,
} from "./damaged.ts"

/** Kinds that hold nothing that cannot be made again. */
const replaceable = kinds.filter((kind) => kind !== "key" && kind !== "roz")

describe("rebuild makes again what is lost", () => {
  const rebuilt = (store: ObjectStore) =>
    Effect.gen(function* () {
      const repository = yield* openIn(store)
      const summary = yield* repository.rebuild
      assert.deepEqual(summary.findings, [])
      assert.deepEqual(yield* restoreAll(repository), nothingLost)
      yield* clean(repository)
      // And once more, with nothing to do.
      const again = yield* repository.rebuild
      assert.deepEqual([again.snapshots, again.findings, again.packsIndexed], [[], [], 0])
      return summary
    })

  for (const kind of replaceable) {
    it(`${kind}: one, or all of them, missing or damaged`, async () => {
      for (const how of ["missing", "footer", "middle"] as const) {
        const names = namesOf(await original(), kind)
        if (how !== "missing" && kind === "config") continue
        for (const chosen of names.length === 1 ? [names] : [...names.map((name) => [name]), names]) {
          await onCopy((store, objects) =>
            Effect.gen(function* () {
              for (const name of chosen) {
                const bytes = objects.get(name)!
                const at = how === "footer" ? bytes.length - 20 : bytes.length >> 1
                yield* put(store, name, how === "missing" ? undefined : flipped(bytes, at))
              }
              yield* rebuilt(store)
            })
          )
        }
      }
    })
  }

  it("all of INDEX and the config: every snapshot as it was", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        const before = yield* (yield* openIn(store)).snapshots
        for (const name of objects.keys()) if (/^(INDEX|ROZEN)/.test(name)) yield* store.remove(name)
        const summary = yield* rebuilt(store)
        assert.deepEqual(summary.snapshots, before)
        assert.deepEqual(yield* (yield* openIn(store)).snapshots, before)
        assert.equal(summary.packsIndexed, namesOf(objects, "roz").length)
      })
    ))

  it("a segment of a long log: from the catalog, and when that is lost too, it says so", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* storeOf(new Map())
      const repository = yield* Effect.provideService(small.create(secrets), ObjectStore, store)
      const long = Array.from({ length: 22_000 }, (_, i): Entry => ({
        path: `${"long ".repeat(40)}${i}`,
        kind: "symlink",
        metadata,
        size: 0,
        target: "x",
      }))
      yield* repository.backup(Stream.fromIterable(long), options)
      const objects = yield* objectsOf(store)
      const logs = namesOf(objects, "roz-log")
      assert.ok(logs.length > 1)
      for (const name of logs) {
        yield* store.remove(name)
        yield* findings(repository, name)
        assert.deepEqual((yield* repository.rebuild).findings, [])
        yield* clean(repository)
      }
      for (const name of (yield* objectsOf(store)).keys()) if (/^INDEX/.test(name)) yield* store.remove(name)
      const [first] = namesOf(yield* objectsOf(store), "roz-log")
      yield* store.remove(first!)
      const { findings: found, snapshots } = yield* repository.rebuild
      assert.deepEqual(found.map(({ object }) => object), [first])
      const facts = yield* factsOf(repository.entries(snapshots[0]!))
      assert.ok(facts.size > 0 && facts.size < long.length)
    })))

  it("a backup over a damaged catalog of its parent makes one that can be read", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        const repository = yield* openIn(store)
        for (const name of namesOf(objects, "cat")) yield* put(store, name, flipped(objects.get(name)!, 500))
        assert.deepEqual(yield* restoreAll(repository), [undefined, undefined, undefined])
        const { filesUnchanged, snapshot } = yield* repository.backup(walk(trees[0]!), {
          ...options,
          hostname: "host 1",
        })
        assert.equal(filesUnchanged, 0)
        assert.deepEqual(yield* factsOf(repository.entries(snapshot!)), (yield* Effect.promise(() => expected))[0])
      })
    ))

  for (const [version, format] of [["1", small], ["0", makeRozenV0({ scrypt: { n: 1024, r: 8, p: 1 } })]] as const) {
    it(`version ${version}: a damaged row of the parent's catalog has its file read again`, () =>
      runFormat(Effect.gen(function* () {
        const store = yield* storeOf(new Map())
        yield* Effect.provideService(
          Effect.flatMap(format.create(secrets), (repository) => repository.backup(walk(trees[0]!), options)),
          ObjectStore,
          store,
        )
        // The engine gives other bytes than were stored: nothing else gets past the seals.
        const engine = yield* SqliteEngine
        const altering: SqliteEngine = {
          name: engine.name,
          open: (content) =>
            Effect.map(engine.open(content), (db) => {
              if (content !== undefined) {
                db.exec("UPDATE entry SET kind = 99 WHERE name = CAST('stays' AS BLOB)")
                db.exec("UPDATE entry SET owner = 12345 WHERE name = CAST('changes' AS BLOB)")
              }
              return db
            }),
        }
        const second = yield* Effect.flatMap(
          format.open(secrets),
          (repository) => repository.backup(walk(trees[0]!), options),
        ).pipe(
          Effect.provideService(ObjectStore, store),
          Effect.provideService(SqliteEngine, altering),
        )
        assert.equal(second.filesUnchanged, second.files - 2)
        const repository = yield* Effect.provideService(format.open(secrets), ObjectStore, store)
        assert.deepEqual(
          yield* factsOf(repository.entries(second.snapshot!)),
          (yield* Effect.promise(() => expected))[0],
        )
      })))
  }

  it("says which snapshots it could not make", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        // The log of the second snapshot is lost, and so are all catalogs: the first can be made again, the others
        // cannot.
        const repository = yield* openIn(store)
        const [, second, third] = yield* repository.snapshots
        for (const name of namesOf(objects, "cat")) yield* store.remove(name)
        for (const name of namesOf(objects, "roz-log")) if (name.includes(second!.id)) yield* store.remove(name)
        const { findings: found } = yield* repository.rebuild
        for (const { id } of [second!, third!]) {
          assert.ok(found.some(({ message }) => message.includes(id.slice(0, 8))), `nothing is said of ${id}`)
        }
        assert.deepEqual(yield* restoreAll(repository), [[], undefined, undefined])
        const still = yield* findings(repository)
        assert.ok(still.length > 0, "check still says so")
      })
    ))

  it("says so when a snapshot has neither a readable .idx nor a log", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        const repository = yield* openIn(store)
        const [, , third] = yield* repository.snapshots
        const [, , idx] = namesOf(objects, "idx")
        yield* put(store, idx!, flipped(objects.get(idx!)!, 100))
        for (const name of namesOf(objects, "roz-log")) if (name.includes(third!.id)) yield* store.remove(name)
        const { findings: found } = yield* repository.rebuild
        assert.ok(found.some(({ object }) => object === idx), "it is named")
        assert.deepEqual(yield* restoreAll(repository), [[], [], undefined])
        yield* findings(repository, idx!)
      })
    ))
})
