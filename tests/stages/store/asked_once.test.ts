import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { counting } from "../../../adapters/store/counting/counting.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { askedOnce } from "../../../stages/store/asked_once.ts"

const bytes = Uint8Array.of(1, 2, 3)

test("a remembered answer is given once, then the store is asked again", () =>
  Effect.runPromise(Effect.gen(function* () {
    const store = counting(yield* memoryStore.make())
    yield* store.put("a", [bytes])
    const { first, then } = askedOnce(store)
    const asked = () => store.counts().requests.get + store.counts().requests.stat
    ;(yield* first.get("a", { atMost: Infinity })).fill(0)
    yield* first.get("a", { offset: 1, length: 1 })
    yield* first.stat("a")
    assert.equal((yield* Effect.flip(first.get("b", { atMost: Infinity }))).reason, "not-found")
    assert.equal(asked(), 4)
    assert.deepEqual(yield* then.get("a", { atMost: Infinity }), bytes)
    assert.deepEqual(yield* then.get("a", { offset: 1, length: 1 }), bytes.subarray(1, 2))
    assert.equal((yield* then.stat("a")).size, 3)
    assert.equal((yield* Effect.flip(then.get("b", { atMost: Infinity }))).reason, "not-found")
    assert.equal(asked(), 4)
    assert.deepEqual(yield* then.get("a", { atMost: Infinity }), bytes)
    assert.deepEqual(yield* then.get("a", { offset: 0, length: 1 }), bytes.subarray(0, 1))
    assert.equal((yield* Effect.flip(then.get("b", { atMost: Infinity }))).reason, "not-found")
    assert.equal(asked(), 7)
  })))

test("answers are forgotten after a write and on request", () =>
  Effect.runPromise(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    yield* store.put("a", [bytes])
    const { first, forget, then } = askedOnce(store)
    yield* Effect.ignore(first.get("b", { atMost: Infinity }))
    yield* then.put("b", [bytes])
    assert.deepEqual(yield* then.get("b", { atMost: Infinity }), bytes)
    yield* first.get("a", { atMost: Infinity })
    yield* store.put("a", [bytes, bytes], { replace: true })
    yield* forget
    assert.equal((yield* then.get("a", { atMost: Infinity })).length, 6)
    yield* first.get("a", { atMost: Infinity })
    yield* then.remove("a")
    assert.equal((yield* Effect.flip(then.get("a", { atMost: Infinity }))).reason, "not-found")
  })))
