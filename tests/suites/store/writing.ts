/** Putting, replacing and removing objects. */
import assert from "node:assert/strict"

import { Effect, Stream } from "effect"
import { bytesOf, fails, names, pattern, same, type StoreTest } from "./trial.ts"

/** Putting, replacing and removing objects. */
export const testWriting = (test: StoreTest, skipLarge?: string): void => {
  test("removes objects, and can write the name again", (store) =>
    Effect.gen(function* () {
      yield* store.put("a/x", [bytesOf("1")])
      yield* store.put("a/y", [bytesOf("2")])
      yield* store.remove("a/x")
      yield* store.remove("a/x")
      yield* fails("not-found", "a/x", store.get("a/x", { atMost: Infinity }))
      assert.deepEqual(yield* names(store, ""), ["a/y"])
      yield* store.put("a/x", [bytesOf("3")])
      same(yield* store.get("a/x", { atMost: Infinity }), bytesOf("3"))
    }))

  test("never overwrites without replace", (store) =>
    Effect.gen(function* () {
      yield* store.put("x", [bytesOf("first")])
      yield* fails("exists", "x", store.put("x", [bytesOf("second")]))
      yield* fails("exists", "x", store.put("x", [bytesOf("second")], { replace: false }))
      same(yield* store.get("x", { atMost: Infinity }), bytesOf("first"))
      yield* store.put("x", [bytesOf("a longer second")], { replace: true })
      same(yield* store.get("x", { atMost: Infinity }), bytesOf("a longer second"))
      yield* store.put("new/y", [bytesOf("z")], { replace: true })
      same(yield* store.get("new/y", { atMost: Infinity }), bytesOf("z"))
    }))

  test("gives back content types, or declares that it does not keep them", (store) =>
    Effect.gen(function* () {
      const typeOf = (name: string) => Effect.map(store.stat(name), ({ contentType }) => contentType)
      const kept = store.properties.contentType === true ? "application/zstd" : undefined
      yield* store.put("typed", [bytesOf("x")], { contentType: "application/zstd" })
      yield* store.put("plain", [bytesOf("x")])
      assert.deepEqual([yield* typeOf("typed"), yield* typeOf("plain")], [kept, undefined])
      yield* store.put("plain", [bytesOf("y")], { replace: true, contentType: "application/zstd" })
      yield* store.put("typed", [bytesOf("y")], { replace: true })
      assert.deepEqual([yield* typeOf("typed"), yield* typeOf("plain")], [undefined, kept])
      yield* store.remove("plain")
      yield* store.put("plain", [bytesOf("z")])
      assert.equal(yield* typeOf("plain"), undefined)
    }))

  test("holds an empty object", (store) =>
    Effect.gen(function* () {
      yield* store.put("none", [])
      yield* store.put("empty", [new Uint8Array(0), new Uint8Array(0)])
      yield* Effect.scoped(Effect.flatMap(store.create("written"), (writer) => writer.commit))
      for (const name of ["none", "empty", "written"]) {
        same(yield* store.get(name, { atMost: Infinity }), new Uint8Array(0))
        same(yield* store.get(name, { offset: 0, length: 0 }), new Uint8Array(0))
        assert.equal((yield* store.stat(name)).size, 0)
      }
      assert.deepEqual(yield* names(store, ""), ["empty", "none", "written"])
    }))

  test("takes 3,000 parts, some of them empty", (store) =>
    Effect.gen(function* () {
      const whole = pattern(3000 * 2999 / 2)
      const parts: Array<Uint8Array> = []
      for (let i = 0, at = 0; i < 3000; at += i++) parts.push(whole.subarray(at, at + i))
      yield* store.put("x", parts)
      same(yield* store.get("x", { atMost: Infinity }), whole)
    }))

  test("holds an object of 40 MiB", (store) =>
    Effect.gen(function* () {
      const part = pattern(8 << 20)
      yield* store.put("DATA/40", [part, part, part, part, part])
      assert.equal((yield* store.stat("DATA/40")).size, 40 << 20)
      const back = yield* store.get("DATA/40", { atMost: Infinity })
      for (let i = 0; i < 5; i++) same(back.subarray(i * part.length, (i + 1) * part.length), part)
      same(yield* store.get("DATA/40", { offset: -(8 << 20), length: 8 << 20 }), part)
    }), skipLarge)

  test("shows each completed write at once, in every operation", (store) =>
    Effect.gen(function* () {
      for (let i = 0; i < 5; i++) {
        const content = pattern(1000 + i, i)
        yield* store.put("a/x", [content], { replace: true })
        same(yield* store.get("a/x", { atMost: Infinity }), content)
        same(yield* store.get("a/x", { offset: -10, length: 10 }), content.subarray(-10))
        assert.equal((yield* store.stat("a/x")).size, 1000 + i)
        assert.deepEqual(yield* Stream.runCollect(store.list("a/")), [{ name: "a/x", size: 1000 + i }])
        if (i % 2 === 0) continue
        yield* store.remove("a/x")
        yield* fails("not-found", "a/x", store.stat("a/x"))
        assert.deepEqual(yield* names(store, ""), [])
      }
    }))

  test("gives effects that can run again", (store) =>
    Effect.gen(function* () {
      const put = store.put("again", [bytesOf("x")])
      yield* put
      yield* fails("exists", "again", put)
      yield* store.remove("again")
      yield* put
      const list = store.list("")
      assert.deepEqual(yield* Stream.runCollect(list), yield* Stream.runCollect(list))
    }))
}
