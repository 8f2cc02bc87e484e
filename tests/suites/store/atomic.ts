/** An object is whole or not there, whatever happens at the same time. */
import assert from "node:assert/strict"

import { Effect, Stream } from "effect"
import { names, pattern, same, type StoreTest } from "./trial.ts"

/** An object is whole or not there, whatever happens at the same time. */
export const testAtomicity = (test: StoreTest, skipLarge?: string): void => {
  test("lets one of 16 racing create-only puts win", (store) =>
    Effect.gen(function* () {
      if (!store.properties.atomicCreate) return
      for (let round = 0; round < 4; round++) {
        const name = `race/${round}/x`
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 16 }, (_, i) => i),
          (i) =>
            Effect.match(store.put(name, [pattern(20_000, i)]), {
              onSuccess: () => i,
              onFailure: (error) => error.reason,
            }),
          { concurrency: "unbounded" },
        )
        const winners = outcomes.filter((outcome) => typeof outcome === "number")
        assert.equal(winners.length, 1, String(outcomes))
        assert.equal(outcomes.filter((outcome) => outcome === "exists").length, 15, String(outcomes))
        same(yield* store.get(name, { atMost: Infinity }), pattern(20_000, winners[0]!))
      }
      assert.equal((yield* names(store, "")).length, 4)
    }))

  test("shows the old or the new object during a replacement, never a part", (store) =>
    Effect.gen(function* () {
      const size = 3_000_000
      const versions = [1, 2, 3, 4].map((seed) => pattern(size, seed))
      yield* store.put("x", [versions[0]!])
      let writing = true
      const write = Effect.forEach(versions, (bytes) => store.put("x", [bytes], { replace: true }))
        .pipe(Effect.ensuring(Effect.sync(() => writing = false)))
      const read = Effect.gen(function* () {
        do {
          const seen = yield* store.get("x", { atMost: Infinity })
          const version = versions.find((bytes) => bytes[0] === seen[0] && bytes[1] === seen[1])
          assert.ok(version)
          same(seen, version)
          yield* Effect.yieldNow
        } while (writing)
      })
      yield* Effect.all([write, read], { concurrency: "unbounded" })
    }))

  test("shows a new object whole or not at all", (store) =>
    Effect.gen(function* () {
      const size = 24_000_000
      const content = new Uint8Array(size).fill(7)
      let writing = true
      const write = store.put("DATA/x", [content]).pipe(Effect.ensuring(Effect.sync(() => writing = false)))
      const look = Effect.gen(function* () {
        do {
          for (const info of yield* Stream.runCollect(store.list(""))) {
            assert.deepEqual(info, { name: "DATA/x", size })
          }
          const seen = yield* Effect.option(store.stat("DATA/x"))
          if (seen._tag === "Some") assert.equal(seen.value.size, size)
          yield* Effect.yieldNow
        } while (writing)
      })
      yield* Effect.all([write, look], { concurrency: "unbounded" })
    }), skipLarge)

  test("survives interruption, with a whole object or none", (store) =>
    Effect.gen(function* () {
      const content = pattern(4_000_000)
      for (let i = 0; i < 8; i++) {
        yield* Effect.race(store.put(`i/${i}`, [content]), Effect.sleep(i))
        const seen = yield* Effect.option(store.get(`i/${i}`, { atMost: Infinity }))
        if (seen._tag === "Some") same(seen.value, content)
      }
    }))
}
