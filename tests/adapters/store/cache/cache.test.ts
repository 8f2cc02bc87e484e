/** Which objects a cache gives, and which it keeps. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Effect, Layer } from "effect"
import { cache } from "../../../../adapters/store/cache/cache.ts"
import { counting } from "../../../../adapters/store/counting/counting.ts"
import { fault } from "../../../../adapters/store/fault/fault.ts"
import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import { ObjectStore } from "../../../../stages/store/store.ts"
import type { StoreError } from "../../../../stages/store/store.ts"
import { storeSuite } from "../../../suites/store/contract.ts"
import { temporaryDirectory } from "../local/directory.ts"
import { bytesOf, filesIn, filled, holds, inCache, openCached, reads, text } from "./with_cache.ts"

storeSuite(
  "cache over memoryStore",
  Effect.gen(function* () {
    const directory = join(yield* temporaryDirectory, "cache")
    return cache(yield* memoryStore.make(), { directory, holds: () => true })
  }),
)

describe("cache", () => {
  it("reads an object once for all of its parts, and does not cache other objects", () =>
    inCache((directory) =>
      Effect.gen(function* () {
        const inner = yield* filled
        const store = yield* openCached(inner, directory)
        assert.equal(reads(inner), 1)
        const ranges = [{ offset: 0, length: 5 }, { offset: -5, length: 5 }, { offset: 3, length: 0 }]
        const parts = yield* Effect.forEach(ranges, (range) => store.get("a.map", range), { concurrency: "unbounded" })
        assert.deepEqual(parts.map((part) => new TextDecoder().decode(part)), ["hello", "world", ""])
        assert.equal(yield* text(store, "a.map"), "hello world")
        assert.equal(reads(inner), 2)
        assert.equal(inner.counts().bytesRead, 3 + 11)
        for (let i = 0; i < 2; i++) yield* store.get("c.roz", { atMost: Infinity })
        assert.equal(reads(inner), 4)

        // Another process reads only the config.
        const again = yield* openCached(inner, directory)
        assert.equal(yield* text(again, "a.map"), "hello world")
        assert.equal(reads(inner), 5)
        const beyond = yield* Effect.flip(again.get("a.map", { offset: 9, length: 3 }))
        assert.equal(beyond.reason, "corrupt")
        assert.equal(reads(inner), 5)
      })
    ))

  it("keeps copies of objects that are put", () =>
    inCache((directory) =>
      Effect.gen(function* () {
        const inner = yield* filled
        const store = yield* openCached(inner, directory)
        yield* store.put("d.map", [bytesOf("new"), bytesOf("er")])
        assert.equal(yield* text(store, "d.map"), "newer")
        assert.equal(yield* text(yield* openCached(inner, directory), "d.map"), "newer")
        assert.equal(reads(inner), 2)
        // An object that is written in another way does not match its old copy.
        yield* store.put("d.map", [bytesOf("other")], { replace: true })
        assert.equal(yield* text(store, "d.map"), "other")
        yield* Effect.scoped(Effect.gen(function* () {
          const writer = yield* store.create("d.map", { replace: true })
          yield* writer.append(bytesOf("third"))
          yield* writer.commit
        }))
        assert.equal(yield* text(store, "d.map"), "third")
        assert.equal((yield* Effect.flip(store.put("d.map", [bytesOf("fifth")]))).reason, "exists")
        assert.equal(yield* text(store, "d.map"), "third")
        yield* store.remove("d.map")
        assert.equal((yield* Effect.flip(store.get("d.map", { atMost: Infinity }))).reason, "not-found")
      })
    ))

  it("gives no object that the store lost, that has another length, or that is of another repository", () =>
    inCache((directory) =>
      Effect.gen(function* () {
        const inner = yield* filled
        yield* text(yield* openCached(inner, directory), "a.map")
        yield* text(yield* openCached(inner, directory), "b.map")
        assert.equal(filesIn(directory).length, 2)
        // Also if it has not been listed.
        yield* inner.remove("a.map")
        yield* inner.put("b.map", [bytesOf("longer than before")], { replace: true })
        for (const listed of [true, false]) {
          const store = listed
            ? yield* openCached(inner, directory)
            : cache(inner, { directory, holds, config: "config" })
          if (!listed) yield* store.get("config", { atMost: Infinity })
          assert.equal((yield* Effect.flip(store.get("a.map", { atMost: Infinity }))).reason, "not-found")
          assert.equal(yield* text(store, "b.map"), "longer than before")
        }
        // A new repository at the same place.
        yield* inner.put("config", [bytesOf("two")], { replace: true })
        yield* inner.put("a.map", [bytesOf("HELLO WORLD")])
        assert.equal(yield* text(yield* openCached(inner, directory), "a.map"), "HELLO WORLD")
        // It also learns the repository from a put of the config. Before that nothing is kept.
        const fresh = counting(yield* memoryStore.make())
        const store = cache(fresh, { directory, holds, config: "config" })
        yield* store.put("a.map", [bytesOf("hello w0rld")])
        yield* store.get("a.map", { atMost: Infinity })
        assert.equal(reads(fresh), 1)
        yield* store.put("config", [bytesOf("three")])
        assert.equal(yield* text(store, "a.map"), "hello w0rld")
      })
    ))

  it("passes on errors of the store, and keeps no copies then", () =>
    inCache((directory) =>
      Effect.gen(function* () {
        const inner = yield* filled
        for (const operation of ["get", "put"] as const) {
          const store = cache(fault(inner, { nth: 1, operation, effect: "fail", reason: "unavailable" }), {
            directory,
            holds,
          })
          const failing = operation === "get"
            ? store.get("a.map", { atMost: Infinity })
            : store.put("q.map", [bytesOf("q")])
          assert.equal((yield* Effect.flip(Effect.asVoid<unknown, StoreError, never>(failing))).reason, "unavailable")
          assert.deepEqual(fs.existsSync(directory) ? filesIn(directory) : [], [])
        }
      })
    ))

  it("is also a layer", () =>
    inCache((directory) =>
      Effect.flatMap(ObjectStore, (store) =>
        Effect.gen(function* () {
          yield* store.put("a.map", [bytesOf("hello")])
          assert.equal(yield* text(store, "a.map"), "hello")
          assert.equal(filesIn(directory).length, 1)
        })).pipe(Effect.provide(cache.layer({ directory, holds }).pipe(Layer.provide(memoryStore.layer))))
    ))
})
