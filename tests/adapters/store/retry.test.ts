import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Clock, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { fault, type FaultOptions } from "../../../adapters/store/fault.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { retry } from "../../../adapters/store/retry.ts"
import { type ObjectStore, StoreError } from "../../../stages/pack/store.ts"

const hello = new TextEncoder().encode("hello")
const world = new TextEncoder().encode("world")

/** Runs with a clock that an hour at a time passes in; gives the outcome and the milliseconds that passed until then. */
const timed = <A>(effect: Effect.Effect<A, StoreError>): Promise<{ outcome: A | string; waited: number }> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Effect.flatMap(
          Effect.match(effect, { onSuccess: (value): A | string => value, onFailure: (error) => error.reason }),
          (outcome) => Effect.map(Clock.currentTimeMillis, (waited) => ({ outcome, waited })),
        ),
      )
      yield* TestClock.adjust("1 hour")
      return yield* Fiber.join(fiber)
    }).pipe(Effect.provide(TestClock.layer())),
  )

const filled = async (): Promise<ObjectStore> => {
  const store = await Effect.runPromise(memoryStore.make())
  await Effect.runPromise(store.put("x", [hello]))
  return store
}

/** Fails the first `times` of an operation. */
const failing = (store: ObjectStore, times: number, options: Omit<FaultOptions, "nth">): ObjectStore => {
  let failing = store
  for (let i = 0; i < times; i++) failing = fault(failing, { nth: 1, reason: "unavailable", ...options })
  return failing
}

describe("retry", () => {
  it("repeats what may pass, with waits that double", async () => {
    const store = retry(failing(await filled(), 4, { operation: "get", effect: "fail" }))
    const { outcome, waited } = await timed(store.get("x"))
    assert.deepEqual(outcome, hello)
    const nominal = 200 + 400 + 800 + 1600
    assert.ok(waited >= nominal * 0.8 && waited <= nominal * 1.2 + 5, String(waited))
  })

  it("repeats every operation that does no harm twice", async () => {
    for (const operation of ["put", "create", "get", "stat", "list", "remove"] as const) {
      const store = retry(failing(await filled(), 2, { operation, effect: "fail" }))
      const run: Record<typeof operation, Effect.Effect<unknown, StoreError>> = {
        put: store.put("y", [world]),
        create: Effect.scoped(Effect.flatMap(store.create("y"), (writer) => writer.commit)),
        get: store.get("x"),
        stat: store.stat("x"),
        list: Stream.runCollect(store.list("")),
        remove: store.remove("x"),
      }
      const { outcome, waited } = await timed(run[operation])
      assert.notEqual(outcome, "unavailable", operation)
      assert.ok(waited > 0, operation)
    }
  })

  it("does not repeat an append or a commit", async () => {
    for (const operation of ["append", "commit"] as const) {
      const store = retry(failing(await filled(), 1, { operation, effect: "fail-after" }))
      const { outcome, waited } = await timed(Effect.scoped(Effect.gen(function* () {
        const writer = yield* store.create("y")
        yield* writer.append(world)
        yield* writer.commit
      })))
      assert.deepEqual([outcome, waited], ["unavailable", 0])
    }
  })

  it("gives up after the given number of tries, and at once when it cannot pass", async () => {
    const dead = fault(await filled(), { nth: 1, onwards: true, effect: "fail", reason: "unavailable" })
    assert.equal((await timed(retry(dead, { times: 3 }).get("x"))).outcome, "unavailable")
    assert.equal(dead.operations(), 4)
    const { waited } = await timed(retry(dead, { times: 50, longest: "10 seconds" }).get("x"))
    assert.ok(waited < 50 * 12_000 && waited > 40 * 8_000, String(waited))
    for (const reason of ["io", "denied", "full", "not-found", "corrupt"] as const) {
      const broken = fault(await filled(), { nth: 1, onwards: true, effect: "fail", reason })
      assert.deepEqual(await timed(retry(broken).get("x")), { outcome: reason, waited: 0 })
      assert.equal(broken.operations(), 1)
    }
  })

  it("takes an object that its own first try wrote for a success", async () => {
    const inner = await filled()
    const store = retry(failing(inner, 1, { operation: "put", effect: "fail-after" }))
    assert.equal((await timed(store.put("y", [hello, world]))).outcome, undefined)
    assert.equal((await Effect.runPromise(inner.stat("y"))).size, 10)
  })

  it("does not take an object of another for its own", async () => {
    for (const mine of [world, hello.subarray(0, 4), new Uint8Array(6)]) {
      const store = retry(failing(await filled(), 1, { operation: "put", effect: "fail" }))
      assert.equal((await timed(store.put("x", [mine]))).outcome, "exists")
    }
    // Of the same content, but there before the first try.
    assert.equal((await timed(retry(await filled()).put("x", [hello]))).outcome, "exists")
  })

  it("compares again when the comparison fails", async () => {
    const flaky = failing(failing(await filled(), 1, { operation: "put", effect: "fail-after" }), 2, {
      operation: ["stat", "get"],
      effect: "fail",
    })
    assert.equal((await timed(retry(flaky).put("y", [world]))).outcome, undefined)
  })

  it("starts a listing again only while it has given nothing", async () => {
    let tries = 0
    const inner = await filled()
    const cut: ObjectStore = {
      ...inner,
      list: (directory) => {
        tries++
        const lost = new StoreError({ reason: "unavailable", name: directory, message: "The connection was lost" })
        return Stream.concat(inner.list(directory), Stream.fail(lost))
      },
    }
    assert.equal((await timed(Stream.runCollect(retry(cut).list("")))).outcome, "unavailable")
    assert.equal(tries, 1)
  })
})
