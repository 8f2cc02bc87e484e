import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { counting } from "../../../../adapters/store/counting/counting.ts"
import { fault, type FaultOptions } from "../../../../adapters/store/fault/fault.ts"
import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import { readOnly } from "../../../../adapters/store/read_only/read_only.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"

const content = Uint8Array.from({ length: 9 }, (_, i) => i)

/** Runs each operation once; gives the bytes that were read. */
const everything = (store: ObjectStore): Effect.Effect<Uint8Array, StoreError> =>
  Effect.scoped(Effect.gen(function* () {
    yield* store.put("x", [content.subarray(0, 3), content.subarray(3)])
    const writer = yield* store.create("w")
    yield* writer.append(content)
    yield* writer.commit
    yield* store.stat("x")
    yield* Stream.runDrain(store.list(""))
    const bytes = yield* store.get("x", { atMost: Infinity })
    yield* store.remove("x")
    return bytes
  }))

const runOperations = (options: FaultOptions) =>
  Effect.gen(function* () {
    const inner = yield* memoryStore.make()
    const store = fault(inner, options)
    const outcome = yield* Effect.match(everything(store), {
      onSuccess: (bytes) => bytes,
      onFailure: (error) => error.reason,
    })
    const left: Record<string, Uint8Array> = {}
    for (const { name } of yield* Stream.runCollect(inner.list(""))) {
      left[name] = yield* inner.get(name, { atMost: Infinity })
    }
    return { outcome, left, hit: store.hit() !== undefined, operations: store.operations() }
  })

describe("fault", () => {
  it("hits each operation once, until the run succeeds", () =>
    Effect.runPromise(Effect.gen(function* () {
      const left: Array<string> = []
      let nth = 1
      for (;; nth++) {
        const result = yield* runOperations({ nth, effect: "fail", reason: "full" })
        left.push(Object.keys(result.left).sort().join())
        if (!result.hit) {
          assert.deepEqual(result.outcome, content)
          break
        }
        assert.equal(result.outcome, "full")
        assert.equal(result.operations, nth)
      }
      assert.equal(nth, 9)
      assert.deepEqual(left, ["", "x", "x", "x", "w,x", "w,x", "w,x", "w,x", "w"])
    })))

  it("does the work and fails all the same", () =>
    Effect.runPromise(Effect.gen(function* () {
      assert.deepEqual(Object.keys((yield* runOperations({ nth: 1, effect: "fail-after" })).left), ["x"])
    })))

  it("drops writes, cuts them and flips bits, on one side only", () =>
    Effect.runPromise(Effect.gen(function* () {
      const flipped = Uint8Array.from(content, (byte, i) => i === 4 ? byte ^ 1 : byte)
      const dropped = yield* runOperations({ nth: 1, effect: "drop", operation: "put" })
      assert.equal(dropped.outcome, "not-found")
      assert.deepEqual((yield* runOperations({ nth: 1, effect: "drop", operation: "append" })).left, {
        w: new Uint8Array(0),
      })
      assert.deepEqual((yield* runOperations({ nth: 1, effect: "drop", operation: "commit" })).left, {})
      assert.deepEqual(Object.keys((yield* runOperations({ nth: 1, effect: "drop", operation: "remove" })).left), [
        "x",
        "w",
      ])
      for (const [effect, damaged] of [["truncate", content.slice(0, 4)], ["flip", flipped]] as const) {
        const put = yield* runOperations({ nth: 1, effect, operation: "put" })
        assert.deepEqual([put.outcome, put.left], [damaged, { w: content }])
        const append = yield* runOperations({ nth: 1, effect, operation: "append" })
        assert.deepEqual([append.outcome, append.left], [content, { w: damaged }])
        const get = yield* runOperations({ nth: 1, effect, operation: "get" })
        assert.deepEqual([get.outcome, get.left], [damaged, { w: content }])
      }
    })))

  it("does not change the bytes of the caller, and delays", () =>
    Effect.runPromise(Effect.gen(function* () {
      const before = Uint8Array.from(content)
      yield* runOperations({ nth: 1, onwards: true, effect: "flip" })
      assert.deepEqual(content, before)
      const late = yield* runOperations({ nth: 1, onwards: true, effect: "delay", delay: 1 })
      assert.deepEqual([late.outcome, late.operations], [content, 8])
    })))
})

describe("readOnly", () => {
  it("fails writes or swallows them", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const inner = yield* memoryStore.make()
      yield* inner.put("x", [content])
      const refusing = readOnly(inner)
      for (const write of [refusing.put("y", []), refusing.create("y"), refusing.remove("x")]) {
        assert.equal((yield* Effect.flip(write)).reason, "denied")
      }
      const swallowing = readOnly(inner, { writes: "swallow" })
      yield* swallowing.put("x", [], { replace: true })
      yield* swallowing.remove("x")
      const writer = yield* swallowing.create("y")
      yield* writer.append(content)
      yield* writer.commit
      assert.deepEqual(yield* Stream.runCollect(inner.list("")), [{ name: "x", size: 9 }])
      assert.deepEqual(yield* refusing.get("x", { atMost: Infinity }), content)
    }))))
})

describe("counting", () => {
  it("counts successful operations", () =>
    Effect.runPromise(Effect.gen(function* () {
      const store = counting(yield* memoryStore.make())
      yield* everything(store)
      yield* Effect.flip(store.put("w", [content]))
      yield* Effect.flip(store.get("nothing", { atMost: Infinity }))
      assert.deepEqual(store.counts(), {
        requests: { put: 2, create: 1, append: 1, commit: 1, get: 2, stat: 1, list: 1, remove: 1 },
        ...{ retries: 0, written: 2, bytesWritten: 18, read: 1, bytesRead: 9, removed: 1 },
      })
    })))
})
