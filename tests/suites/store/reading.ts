/** Reading objects, whole and in parts. */
import assert from "node:assert/strict"

import { Effect } from "effect"
import { bytesOf, fails, pattern, same, type StoreTest } from "./trial.ts"

/** Reading objects, whole and in parts. */
export const testReading = (test: StoreTest): void => {
  test("gives back objects, whole and in ranges", (store) =>
    Effect.gen(function* () {
      yield* store.put("DATA/ab/x.roz", [bytesOf("hel"), bytesOf(""), bytesOf("lo world")])
      const get = (offset: number, length: number) => store.get("DATA/ab/x.roz", { offset, length })
      same(yield* store.get("DATA/ab/x.roz", { atMost: Infinity }), bytesOf("hello world"))
      same(yield* get(0, 11), bytesOf("hello world"))
      same(yield* get(4, 3), bytesOf("o w"))
      same(yield* get(-5, 5), bytesOf("world"))
      same(yield* get(-11, 4), bytesOf("hell"))
      same(yield* get(5, 0), bytesOf(""))
      same(yield* get(11, 0), bytesOf(""))
      assert.deepEqual(yield* store.stat("DATA/ab/x.roz"), { name: "DATA/ab/x.roz", size: 11 })
    }))

  test("calls an object beyond the limit of a read corrupt, and names it", (store) =>
    Effect.gen(function* () {
      yield* store.put("long", [pattern(100_000)])
      same(yield* store.get("long", { atMost: 100_000 }), pattern(100_000))
      for (const atMost of [99_999, 1, 0]) yield* fails("corrupt", "long", store.get("long", { atMost }))
      same(yield* store.get("long", { offset: 99_000, length: 10 }), pattern(100_000).subarray(99_000, 99_010))
      yield* store.put("empty", [])
      same(yield* store.get("empty", { atMost: 0 }), new Uint8Array(0))
      yield* fails("not-found", "none", store.get("none", { atMost: 10 }))
    }))

  test("calls a range beyond the object corrupt, and an impossible one invalid", (store) =>
    Effect.gen(function* () {
      yield* store.put("x", [bytesOf("hello")])
      for (const [offset, length] of [[0, 6], [5, 1], [9, 0], [-6, 2], [-2, 3]] as const) {
        yield* fails("corrupt", "x", store.get("x", { offset, length }))
      }
      for (const [offset, length] of [[0, -1], [0.5, 1], [0, NaN], [2 ** 60, 1]] as const) {
        yield* fails("invalid", "x", store.get("x", { offset, length }))
      }
    }))

  test("says not-found for missing objects", (store) =>
    Effect.gen(function* () {
      yield* store.put("dir/object", [bytesOf("x")])
      for (const missing of ["nothing", "dir", "dir/nothing", "dir/object/beneath", "no/such/directory"]) {
        yield* fails("not-found", missing, store.get(missing, { atMost: Infinity }))
        yield* fails("not-found", missing, store.get(missing, { offset: -1, length: 1 }))
        yield* fails("not-found", missing, store.stat(missing))
        yield* store.remove(missing)
      }
      same(yield* store.get("dir/object", { atMost: Infinity }), bytesOf("x"))
    }))

  test("shares no bytes with the caller", (store) =>
    Effect.gen(function* () {
      const given = bytesOf("given")
      yield* store.put("put", [given])
      const writer = yield* store.create("written")
      yield* writer.append(given)
      given.fill(0)
      yield* writer.append(bytesOf("!"))
      yield* writer.commit
      same(yield* store.get("put", { atMost: Infinity }), bytesOf("given"))
      same(yield* store.get("written", { atMost: Infinity }), bytesOf("given!"))
      const got = yield* store.get("put", { atMost: Infinity })
      got.fill(0)
      const part = yield* store.get("put", { offset: 1, length: 2 })
      part.fill(0)
      same(yield* store.get("put", { atMost: Infinity }), bytesOf("given"))
      // A Buffer would share memory through `slice`, and with Node's pool through `buffer`.
      assert.equal(Object.getPrototypeOf(got), Uint8Array.prototype)
      assert.equal(got.buffer.byteLength, got.length)
    }))
}
