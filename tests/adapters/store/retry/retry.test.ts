import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { type Duration, Effect, Stream } from "effect"
import { fault, type FaultOptions, type FaultStore } from "../../../../adapters/store/fault/fault.ts"
import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import { type Retry, retrying } from "../../../../adapters/store/retry/retrier.ts"
import { retry } from "../../../../adapters/store/retry/retry.ts"
import { type ObjectStore, StoreError, type WriteOptions } from "../../../../stages/store/store.ts"
import { onTestClock } from "./timed.ts"

const hello = new TextEncoder().encode("hello")
const world = new TextEncoder().encode("world")

/** Gives the outcome, or the reason of the error, and the milliseconds until then. */
const timed = <A>(effect: Effect.Effect<A, StoreError>): Promise<{ outcome: A | string; waited: number }> =>
  onTestClock(Effect.match(effect, { onSuccess: (value): A | string => value, onFailure: (error) => error.reason }))

const filled = async (): Promise<ObjectStore> => {
  const store = await Effect.runPromise(memoryStore.make())
  await Effect.runPromise(store.put("x", [hello]))
  return store
}

/** Fails the first `times` runs of an operation. */
const failing = (store: ObjectStore, times: number, options: Omit<FaultOptions, "nth">): ObjectStore => {
  let failing = store
  for (let i = 0; i < times; i++) failing = fault(failing, { nth: 1, reason: "unavailable", ...options })
  return failing
}

describe("retry", () => {
  it("repeats an unavailable operation, with waits that double", async () => {
    const store = retry(failing(await filled(), 4, { operation: "get", effect: "fail" }))
    const { outcome, waited } = await timed(store.get("x", { atMost: Infinity }))
    assert.deepEqual(outcome, hello)
    const nominal = 200 + 400 + 800 + 1600
    assert.ok(waited >= nominal * 0.8 && waited <= nominal * 1.2 + 5, String(waited))
  })

  it("repeats every operation that does no harm when it runs twice", async () => {
    for (const operation of ["put", "create", "get", "stat", "list", "remove"] as const) {
      const store = retry(failing(await filled(), 2, { operation, effect: "fail" }))
      const run: Record<typeof operation, Effect.Effect<unknown, StoreError>> = {
        put: store.put("y", [world]),
        create: Effect.scoped(Effect.flatMap(store.create("y"), (writer) => writer.commit)),
        get: store.get("x", { atMost: Infinity }),
        stat: store.stat("x"),
        list: Stream.runCollect(store.list("")),
        remove: store.remove("x"),
      }
      const { outcome, waited } = await timed(run[operation])
      assert.notEqual(outcome, "unavailable", operation)
      assert.ok(waited > 0, operation)
    }
  })

  it("does not repeat an append", async () => {
    const store = retry(failing(await filled(), 1, { operation: "append", effect: "fail-after" }))
    const { outcome, waited } = await timed(Effect.scoped(Effect.gen(function* () {
      const writer = yield* store.create("y")
      yield* writer.append(world)
      yield* writer.commit
    })))
    assert.deepEqual([outcome, waited], ["unavailable", 0])
  })

  it("finds out whether a failed commit was carried out", async () => {
    const commit = async (
      effect: "fail" | "fail-after",
      name: string,
      bytes: Uint8Array,
      options?: WriteOptions,
      flaky: (store: ObjectStore) => ObjectStore = (store) => store,
    ) => {
      const inner = await filled()
      const store = retry(flaky(failing(inner, 1, { operation: "commit", effect })))
      const { outcome } = await timed(Effect.scoped(Effect.gen(function* () {
        const writer = yield* store.create(name, options)
        yield* writer.append(bytes.subarray(0, 2))
        yield* writer.append(bytes.subarray(2))
        yield* writer.commit
      })))
      return outcome ?? new TextDecoder().decode(await Effect.runPromise(inner.get(name, { atMost: Infinity })))
    }
    const all = [undefined, { unique: true }, { replace: true }]
    for (const options of all) {
      assert.equal(await commit("fail-after", "y", world, options), "world")
      assert.equal(await commit("fail", "y", world, options), "unavailable")
    }
    assert.equal(await commit("fail-after", "x", world, { replace: true }), "world")
    // An object of another writer exists: of the same size, then of another.
    for (const bytes of [world, new Uint8Array(6)]) {
      assert.equal(await commit("fail", "x", bytes), "exists")
      assert.equal(await commit("fail", "x", bytes, { replace: true }), "unavailable")
    }
    // The comparison is tried again, too.
    for (const operation of ["stat", "get"] as const) {
      const flaky = (store: ObjectStore): ObjectStore => failing(store, 3, { operation, effect: "fail" })
      assert.equal(await commit("fail-after", "y", world, {}, flaky), "world")
    }
  })

  it("gives up after the given time and says so, and at once if the error is permanent", async () => {
    const inner = await filled()
    const dead = (): FaultStore => fault(inner, { nth: 1, onwards: true, effect: "fail", reason: "unavailable" })
    const messageOf = (store: ObjectStore): Effect.Effect<string> =>
      Effect.match(store.get("x", { atMost: Infinity }), {
        onSuccess: () => "nothing failed",
        onFailure: ({ message }) => message,
      })
    const never = await timed(messageOf(retry(dead(), { withinAtFirst: "1 minute", within: "5 minutes" })))
    assert.equal(never.waited, 60_000)
    assert.match(String(never.outcome), /"x" in memory:.*; gave up after \d+ tries in 60 s$/)

    // A refusal counts as an answer.
    const gone = fault(inner, { nth: 2, onwards: true, effect: "fail", reason: "unavailable" })
    const answered = retry(gone, { within: "5 minutes" })
    const later = await timed(
      Effect.andThen(Effect.ignore(answered.get("nothing", { atMost: Infinity })), messageOf(answered)),
    )
    assert.equal(later.waited, 300_000)
    assert.match(String(later.outcome), /; gave up after \d+ tries in 5 minutes$/)
    const [few, many] = await Promise.all(["10 minutes", "10 seconds"].map(async (longest) => {
      const store = dead()
      await timed(
        retry(store, { longest: longest as Duration.Input, withinAtFirst: "10 minutes" }).get("x", {
          atMost: Infinity,
        }),
      )
      return store.operations()
    }))
    assert.ok(few! >= 10 && few! <= 15, String(few))
    assert.ok(many! >= 50 && many! <= 80, String(many))

    const once = retry(dead(), { within: 0 })
    const { outcome, waited } = await timed(messageOf(once))
    assert.equal(waited, 0)
    assert.doesNotMatch(String(outcome), /gave up/)
    for (const reason of ["io", "denied", "full", "not-found", "corrupt"] as const) {
      const broken = fault(await filled(), { nth: 1, onwards: true, effect: "fail", reason })
      assert.deepEqual(await timed(retry(broken).get("x", { atMost: Infinity })), { outcome: reason, waited: 0 })
      assert.equal(broken.operations(), 1)
    }
  })

  it("counts an object that its first try wrote as a success", async () => {
    const inner = await filled()
    const store = retry(failing(inner, 1, { operation: "put", effect: "fail-after" }))
    assert.equal((await timed(store.put("y", [hello, world]))).outcome, undefined)
    assert.equal((await Effect.runPromise(inner.stat("y"))).size, 10)
  })

  it("does not mistake an object of another writer for its own", async () => {
    for (const mine of [world, hello.subarray(0, 4), new Uint8Array(6)]) {
      const store = retry(failing(await filled(), 1, { operation: "put", effect: "fail" }))
      assert.equal((await timed(store.put("x", [mine]))).outcome, "exists")
    }
    // An object with the same content, which existed before the first try.
    assert.equal((await timed(retry(await filled()).put("x", [hello]))).outcome, "exists")
  })

  it("compares again when the comparison fails", async () => {
    const flaky = failing(failing(await filled(), 1, { operation: "put", effect: "fail-after" }), 2, {
      operation: ["stat", "get"],
      effect: "fail",
    })
    assert.equal((await timed(retry(flaky).put("y", [world]))).outcome, undefined)
  })

  it("continues a listing where it stopped, and gives up when no more objects come", async () => {
    const inner = await Effect.runPromise(memoryStore.make())
    const names = Array.from({ length: 5 }, (_, i) => `x/${i}`)
    for (const name of names) await Effect.runPromise(inner.put(name, [hello]))
    let tries = 0
    const cut = (atMost: number): ObjectStore => ({
      ...inner,
      list: (directory) => {
        const passes = Math.min(++tries, atMost)
        const lost = new StoreError({ reason: "unavailable", object: directory, message: "The connection was lost" })
        // The order differs each time.
        const all = tries % 2 === 0 ? names.slice(0, passes).reverse() : names.slice(0, passes)
        const objects = Stream.fromArray(all.map((name) => ({ name, size: 5 })))
        return passes === names.length ? objects : Stream.concat(objects, Stream.fail(lost))
      },
    })
    const listed = (store: ObjectStore) =>
      Effect.map(Stream.runCollect(store.list("")), (all) => all.map((one) => one.name))
    const whole = await timed(listed(retry(cut(Infinity))))
    assert.deepEqual([tries, (whole.outcome as Array<string>).sort()], [5, names])
    const never = await timed(listed(retry(cut(3), { within: "1 minute" })))
    assert.deepEqual([never.outcome, Math.round(never.waited / 5000)], ["unavailable", 12])
  })

  it("waits as long as the store asks for, but no longer than its total time", async () => {
    const busy = (retryAfter: number, times: number, store: ObjectStore): ObjectStore => {
      let left = times
      return {
        ...store,
        get: (name) =>
          Effect.suspend(() =>
            left-- > 0
              ? Effect.fail(new StoreError({ reason: "unavailable", object: name, message: "Slow down", retryAfter }))
              : store.get(name, { atMost: Infinity })
          ),
      }
    }
    const inner = await filled()
    const { outcome, waited } = await timed(retry(busy(7000, 2, inner)).get("x", { atMost: Infinity }))
    assert.deepEqual(outcome, hello)
    assert.ok(waited >= 14_000 && waited <= 2 * 7000 * 1.2, String(waited))
    // An hour is too long, so there is one more try when the time is over.
    assert.deepEqual(await timed(retry(busy(3_600_000, 1, inner)).get("x", { atMost: Infinity })), {
      outcome: hello,
      waited: 60_000,
    })
    assert.deepEqual(
      (await timed(retry(busy(3_600_000, 2, inner)).get("x", { atMost: Infinity }))).outcome,
      "unavailable",
    )
  })

  it("calls onRetry before each wait", async () => {
    const told: Array<Retry> = []
    const store = retry(failing(await filled(), 3, { operation: "get", effect: "fail" }), {
      onRetry: (retry) => Effect.sync(() => told.push(retry)),
    })
    const { waited } = await timed(store.get("x", { atMost: Infinity }))
    assert.deepEqual(told.map(({ tries }) => tries), [1, 2, 3])
    assert.equal(told[0]!.tried, 0)
    assert.ok(Math.abs(told.reduce((sum, { wait }) => sum + wait, 0) - waited) <= 5)
    for (const { error } of told) assert.equal(error.reason, "unavailable")
  })

  it("lets a store repeat the steps of an operation, and does not start over when a step is given up", async () => {
    const inner = await filled()
    let steps = 0
    const stepping = (failures: number): ObjectStore => ({
      ...inner,
      get: (name) =>
        retrying(
          Effect.suspend(() =>
            steps++ < failures
              ? Effect.fail(new StoreError({ reason: "unavailable", object: name, message: "The connection was lost" }))
              : inner.get(name, { atMost: Infinity })
          ),
        ),
    })
    // Without the decorator nothing is repeated.
    assert.deepEqual(await timed(stepping(1).get("x", { atMost: Infinity })), { outcome: "unavailable", waited: 0 })
    assert.equal(steps, 1)
    steps = 0
    assert.deepEqual((await timed(retry(stepping(4)).get("x", { atMost: Infinity }))).outcome, hello)
    assert.equal(steps, 5)
    const { outcome, waited } = await timed(
      Effect.match(retry(stepping(Infinity)).get("x", { atMost: Infinity }), {
        onSuccess: () => "nothing failed",
        onFailure: ({ message }) => message,
      }),
    )
    assert.equal(waited, 60_000)
    assert.match(String(outcome), /^The connection was lost; gave up after \d+ tries in 60 s$/)
  })
})
