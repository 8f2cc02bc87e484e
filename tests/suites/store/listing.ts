/** Listing objects. */
import assert from "node:assert/strict"

import { Effect, Stream } from "effect"
import { bytesOf, names, type StoreTest } from "./trial.ts"

/** Listing objects. */
export const testListing = (test: StoreTest, skipLarge?: string): void => {
  test("lists by directory, with sizes", (store) =>
    Effect.gen(function* () {
      yield* store.put("DATA/a", [bytesOf("1")])
      yield* store.put("DATA/ab/c", [bytesOf("22")])
      yield* store.put("DATAX/a", [bytesOf("333")])
      yield* store.put("DATA.json", [bytesOf("4444")])
      const sorted = (directory: string) =>
        Effect.map(
          Stream.runCollect(store.list(directory)),
          (all) => all.toSorted((a, b) => a.name < b.name ? -1 : 1),
        )
      assert.deepEqual(yield* sorted("DATA/"), [{ name: "DATA/a", size: 1 }, { name: "DATA/ab/c", size: 2 }])
      assert.deepEqual(yield* names(store, "DATA/ab/"), ["DATA/ab/c"])
      assert.deepEqual(yield* names(store, ""), ["DATA.json", "DATA/a", "DATA/ab/c", "DATAX/a"])
      for (const none of ["D/", "INDEX/", "DATA/a/", "DATA/zz/", "DATA.json/"]) {
        assert.deepEqual(yield* names(store, none), [])
      }
    }))

  test("lists 1,100 objects in directories, and a listing may be left early", (store) =>
    Effect.gen(function* () {
      // More than a page of S3 holds.
      const all = Array.from({ length: 1100 }, (_, i) => `DATA/${(i % 16).toString(16)}/${i}`)
      yield* Effect.forEach(all, (name) => store.put(name, [bytesOf(name)], { unique: true }), {
        concurrency: 16,
        discard: true,
      })
      assert.deepEqual(yield* names(store, "DATA/"), all.toSorted())
      assert.equal((yield* Stream.runCollect(Stream.take(store.list(""), 3))).length, 3)
      assert.deepEqual(yield* names(store, "DATA/f/"), all.filter((name) => name.startsWith("DATA/f/")).toSorted())
    }), skipLarge)
}
