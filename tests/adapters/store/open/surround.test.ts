import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Layer, Logger, References, Stream } from "effect"
import { countingInto } from "../../../../adapters/store/counting/counting.ts"
import { makeCounts, totalRequests } from "../../../../adapters/store/counting/counts.ts"
import { fault } from "../../../../adapters/store/fault/fault.ts"
import { limit } from "../../../../adapters/store/limit/limit.ts"
import { log } from "../../../../adapters/store/log/log.ts"
import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import { readOnly } from "../../../../adapters/store/read_only/read_only.ts"
import { retry } from "../../../../adapters/store/retry/retry.ts"
import { surround } from "../../../../adapters/store/open/surround.ts"
import { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { onTestClock } from "../retry/timed.ts"

const hello = new TextEncoder().encode("hello")

const remote = (store: ObjectStore): ObjectStore => ({ ...store, properties: { ...store.properties, remote: true } })

/** Runs an effect and gives the lines of its log. */
const logged = async (
  effect: Effect.Effect<unknown, StoreError>,
  minimum: "Debug" | "Info" = "Debug",
): Promise<ReadonlyArray<string>> => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  await Effect.runPromise(
    Effect.exit(effect).pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, minimum),
    ),
  )
  return lines
}

const everything = (store: ObjectStore): Effect.Effect<void, StoreError> =>
  Effect.scoped(Effect.gen(function* () {
    yield* store.put("a/b", [hello, hello])
    const writer = yield* store.create("c")
    yield* writer.append(hello)
    yield* writer.commit
    yield* store.get("c", { atMost: Infinity })
    yield* store.get("a/b", { offset: -4, length: 3 })
    yield* store.stat("a/b")
    yield* Stream.runDrain(store.list(""))
    yield* store.remove("c")
    yield* Effect.ignore(store.get("nothing", { atMost: Infinity }))
  }))

describe("log", () => {
  it("writes a line for each operation, with its outcome", async () => {
    const store = log(await Effect.runPromise(memoryStore.make()))
    const lines = await logged(everything(store))
    assert.deepEqual(lines.map((line) => line.replace(/\d+ ms/, "N ms")), [
      `put "a/b", 10 bytes in N ms: done`,
      `create "c" in N ms: done`,
      `append to "c", 5 bytes in N ms: done`,
      `commit "c" in N ms: done`,
      `get "c", 5 bytes in N ms: done`,
      `get "a/b" from -4, 3 bytes in N ms: done`,
      `stat "a/b", 10 bytes in N ms: done`,
      `list "", 2 objects in N ms: done`,
      `remove "c" in N ms: done`,
      `get "nothing", all bytes in N ms: not-found: "nothing" is not in memory:`,
    ])
    const [quiet, told] = await Promise.all(
      [undefined, { level: "Info" } as const].map(async (options) =>
        await logged(everything(log(await Effect.runPromise(memoryStore.make()), options)), "Info")
      ),
    )
    assert.deepEqual([quiet!.length, told!.length], [0, 10])
  })

  it("logs interruptions, and listings that are left early or fail", async () => {
    const inner = await Effect.runPromise(memoryStore.make())
    for (let i = 0; i < 9; i++) await Effect.runPromise(inner.put(`x/${i}`, [hello]))
    const slow = log(fault(inner, { nth: 1, onwards: true, operation: "get", effect: "delay", delay: "1 hour" }))
    assert.match(
      (await logged(Effect.timeoutOption(slow.get("x/1", { atMost: Infinity }), 20)))[0]!,
      /^get "x\/1", all bytes in \d+ ms: interrupted$/,
    )
    const left = await logged(Stream.runDrain(Stream.take(log(inner).list("x/"), 3)))
    assert.match(left[0]!, /^list "x\/", \d objects in \d+ ms: done$/)
    const failing = log(fault(inner, { nth: 1, operation: "list", effect: "fail" }))
    assert.match(
      (await logged(Stream.runDrain(failing.list("x/"))))[0]!,
      /^list "x\/", 0 objects in \d+ ms: io: Cannot list/,
    )
  })
})

describe("surround", () => {
  it("leaves a local store as it is", async () => {
    const store = await Effect.runPromise(memoryStore.make())
    const counts = makeCounts()
    const options = { counts, limit: { upload: 1 } }
    assert.equal(await Effect.runPromise(Effect.scoped(surround(Effect.succeed(store), options))), store)
    const lines = await logged(
      Effect.scoped(
        Effect.flatMap(surround(Effect.succeed(store), { ...options, log: {} }), (store) => store.put("x", [hello])),
      ),
    )
    assert.equal(lines.length, 1)
    assert.equal(totalRequests(counts), 0)
  })

  it("retries, limits, counts and logs each try of a remote store", async () => {
    const counts = makeCounts()
    const inner = await Effect.runPromise(memoryStore.make())
    const flaky = fault(fault(inner, { nth: 1, operation: "put", effect: "fail-after", reason: "unavailable" }), {
      nth: 1,
      operation: "put",
      effect: "fail",
      reason: "unavailable",
    })
    const lines: Array<string> = []
    let told = 0
    const { waited } = await onTestClock(
      Effect.scoped(Effect.gen(function* () {
        const store = yield* surround(Effect.succeed(remote(flaky)), {
          counts,
          limit: { upload: 1 },
          log: {},
          retry: { onRetry: () => Effect.sync(() => told++) },
        })
        yield* store.put("x", [hello])
      })).pipe(
        Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])),
        Effect.provideService(References.MinimumLogLevel, "Debug"),
      ),
    )
    // The first try fails, the second fails after its work, and the third finds the object.
    assert.deepEqual(lines.map((line) => line.replace(/,.*: /, ": ").replace(/ in \d.*/, "")).slice(0, 2), [
      `put "x": a fault was requested`,
      `put "x": a fault was requested`,
    ])
    assert.match(lines[2]!, /^put "x".*: exists:/)
    assert.deepEqual(counts.requests, { put: 3, create: 0, append: 0, commit: 0, get: 1, stat: 1, list: 0, remove: 0 })
    assert.deepEqual([counts.retries, told], [2, 2])
    assert.equal(counts.bytesWritten, 0)
    assert.equal(counts.bytesRead, 5)
    // Three times five bytes at one per second; the last five are not paid for yet.
    assert.ok(waited >= 10_000 && waited < 15_000, String(waited))
  })

  it("tries to open again, and the error says how long", async () => {
    let tries = 0
    const counts = makeCounts()
    const make = (failures: number) =>
      Effect.flatMap(
        memoryStore.make(),
        (store) =>
          tries++ < failures
            ? Effect.fail(new StoreError({ reason: "unavailable", object: "", message: "Cannot reach example.org" }))
            : Effect.succeed(remote(store)),
      )
    const { outcome } = await onTestClock(
      Effect.scoped(Effect.map(surround(make(3), { counts }), (store) => store.properties.location)),
    )
    assert.deepEqual([outcome, tries, counts.retries], ["memory:", 4, 3])
    const dead = await onTestClock(Effect.scoped(Effect.flip(surround(make(Infinity)))))
    assert.equal(dead.waited, 60_000)
    assert.match((dead.outcome as StoreError).message, /^Cannot reach example.org; gave up after \d+ tries in 60 s$/)
  })
})

describe("decorators as layers", () => {
  it("compose around the layer of a store", async () => {
    const counts = makeCounts()
    const flaky = Layer.effect(
      ObjectStore,
      Effect.map(memoryStore.make(), (store) => fault(store, { nth: 1, effect: "fail", reason: "unavailable" })),
    )
    const layer = retry.layer().pipe(
      Layer.provide(countingInto.layer(counts)),
      Layer.provide(limit.layer({ operations: 1 })),
      Layer.provide(log.layer()),
      Layer.provide(flaky),
    )
    const program = Effect.flatMap(
      ObjectStore,
      (store) => Effect.andThen(store.put("x", [hello]), store.get("x", { atMost: Infinity })),
    )
    assert.deepEqual((await onTestClock(Effect.provide(program, layer))).outcome, hello)
    assert.deepEqual([counts.requests.put, counts.requests.get], [2, 1])
    const refused = Effect.provide(Effect.flip(program), readOnly.layer().pipe(Layer.provide(memoryStore.layer)))
    assert.equal(((await onTestClock(refused)).outcome as StoreError).reason, "denied")
  })
})

describe("a remote store that does not answer", () => {
  const messageOf = (effect: Effect.Effect<unknown, StoreError>): Effect.Effect<string> =>
    Effect.match(effect, { onSuccess: () => "nothing failed", onFailure: ({ message }) => message })
  const dead = (store: ObjectStore, nth = 1) =>
    remote(fault(store, { nth, onwards: true, effect: "fail", reason: "unavailable" }))
  const asks = (store: ObjectStore): ReadonlyArray<Effect.Effect<unknown, StoreError>> => [
    store.get("rozen", { atMost: Infinity }),
    store.stat("zprt"),
    Stream.runDrain(store.list("")),
    store.put("x", [hello]),
    store.put("y", [hello], { replace: true }),
    Effect.scoped(store.create("z")),
    store.remove("x"),
  ]

  it("is tried for a minute in all although it could be opened, then not asked again", async () => {
    const inner = await Effect.runPromise(memoryStore.make())
    for (const concurrency of [1, "unbounded"] as const) {
      const counts = makeCounts()
      const { outcome, waited } = await onTestClock(Effect.scoped(Effect.gen(function* () {
        const store = yield* surround(Effect.succeed(dead(inner)), { counts })
        const [first, ...others] = asks(store)
        const messages = [
          yield* messageOf(first!),
          ...(yield* Effect.forEach(others, messageOf, { concurrency })),
        ]
        return messages
      })))
      assert.equal(waited, 60_000)
      assert.match(outcome[0]!, /"rozen" in memory:.*; gave up after \d+ tries in 60 s$/)
      assert.deepEqual([...new Set(outcome)], [outcome[0]])
      assert.equal(counts.retries, totalRequests(counts) - 1)
    }
    // From now on all operations fail at once.
    const { waited } = await onTestClock(Effect.scoped(Effect.gen(function* () {
      const store = yield* surround(Effect.succeed(dead(inner)))
      const both = Effect.all(asks(store).map(messageOf), { concurrency: "unbounded" })
      // An invalid name is refused without asking the store.
      yield* messageOf(store.get("../x", { atMost: Infinity }))
      yield* Effect.timeoutOption(messageOf(asks(store)[1]!), "20 seconds")
      return yield* both
    })))
    assert.equal(waited, 60_000)
  })

  it("is given up after ten minutes if it has answered before, unless it still answers other requests", async () => {
    const inner = await Effect.runPromise(memoryStore.make())
    await Effect.runPromise(inner.put("x", [hello]))
    const { outcome, waited } = await onTestClock(Effect.scoped(Effect.gen(function* () {
      const store = yield* surround(Effect.succeed(dead(inner, 2)))
      yield* store.stat("x")
      return yield* Effect.forEach(asks(store), messageOf)
    })))
    assert.equal(waited, 600_000)
    assert.equal(new Set(outcome).size, 1)

    const { outcome: answer } = await onTestClock(Effect.scoped(Effect.gen(function* () {
      const partly = { ...inner, get: dead(inner).get }
      const store = yield* surround(Effect.succeed(remote(partly)))
      const [message] = yield* Effect.all([
        messageOf(store.get("x", { atMost: Infinity })),
        Effect.andThen(Effect.sleep("30 seconds"), store.stat("x")),
      ], { concurrency: "unbounded" })
      return { message, size: (yield* store.stat("x")).size }
    })))
    assert.match(answer.message, /gave up after \d+ tries in 10 minutes$/)
    assert.equal(answer.size, 5)
  })
})
