/** Objects that are written piece by piece. */
import assert from "node:assert/strict"

import { Effect } from "effect"
import { bytesOf, fails, names, pattern, same, type StoreTest } from "./trial.ts"

/** Objects that are written piece by piece. */
export const testWriters = (test: StoreTest): void => {
  test("shows the object of a writer from its commit on", (store) =>
    Effect.gen(function* () {
      yield* Effect.scoped(Effect.gen(function* () {
        const writer = yield* store.create("a/grown")
        for (let i = 0; i < 10; i++) yield* writer.append(pattern(100_000, i))
        yield* fails("not-found", "a/grown", store.get("a/grown", { atMost: Infinity }))
        assert.deepEqual(yield* names(store, ""), [])
        yield* writer.commit
        assert.equal((yield* store.stat("a/grown")).size, 1_000_000)
        yield* fails("invalid", "a/grown", writer.append(bytesOf("more")))
        yield* fails("invalid", "a/grown", writer.commit)
      }))
      const back = yield* store.get("a/grown", { atMost: Infinity })
      for (let i = 0; i < 10; i++) same(back.subarray(i * 100_000, (i + 1) * 100_000), pattern(100_000, i))
    }))

  test("keeps nothing of a writer without a commit", (store) =>
    Effect.gen(function* () {
      yield* Effect.scoped(Effect.flatMap(store.create("a/x"), (writer) => writer.append(pattern(100_000))))
      assert.deepEqual(yield* names(store, ""), [])
      yield* fails("not-found", "a/x", store.get("a/x", { atMost: Infinity }))
      yield* store.put("a/x", [bytesOf("free")])
    }))

  test("lets one of several writers commit", (store) =>
    Effect.gen(function* () {
      const first = yield* store.create("x")
      const second = yield* store.create("x")
      yield* first.append(bytesOf("first"))
      yield* second.append(bytesOf("second"))
      yield* second.commit
      yield* fails("exists", "x", first.commit)
      yield* fails("exists", "x", store.put("x", [bytesOf("third")]))
      same(yield* store.get("x", { atMost: Infinity }), bytesOf("second"))
    }))

  test("lets a writer replace an object with replace", (store) =>
    Effect.gen(function* () {
      yield* store.put("x", [bytesOf("first")])
      const writer = yield* store.create("x", { replace: true })
      yield* writer.append(bytesOf("second"))
      same(yield* store.get("x", { atMost: Infinity }), bytesOf("first"))
      yield* writer.commit
      same(yield* store.get("x", { atMost: Infinity }), bytesOf("second"))
      assert.deepEqual(yield* names(store, ""), ["x"])
      const fresh = yield* store.create("y", { replace: true })
      yield* fresh.commit
      same(yield* store.get("y", { atMost: Infinity }), new Uint8Array(0))
    }))

  test("lets one of 8 writers that commit at the same time win", (store) =>
    Effect.gen(function* () {
      if (!store.properties.atomicCreate) return
      const writers = yield* Effect.forEach(Array.from({ length: 8 }, (_, i) => i), (i) =>
        Effect.gen(function* () {
          const writer = yield* store.create("race")
          yield* writer.append(pattern(10_000, i))
          return Effect.match(writer.commit, { onSuccess: () => i, onFailure: ({ reason }) => reason })
        }))
      const outcomes = yield* Effect.all(writers, { concurrency: "unbounded" })
      const winners = outcomes.filter((outcome) => typeof outcome === "number")
      assert.equal(winners.length, 1, String(outcomes))
      assert.equal(outcomes.filter((outcome) => outcome === "exists").length, 7, String(outcomes))
      same(yield* store.get("race", { atMost: Infinity }), pattern(10_000, winners[0]!))
    }))
}
