import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Clock, Effect, Stream } from "effect"
import { limit } from "../../../../adapters/store/limit/limit.ts"
import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import { Pace, PIECE } from "../../../../adapters/store/limit/pace.ts"
import type { ObjectStore } from "../../../../stages/store/store.ts"
import { onTestClock } from "../retry/timed.ts"

/** A store whose puts and gets take a second, with the number of those under way. */
const slow = (store: ObjectStore): { readonly store: ObjectStore; readonly most: () => number } => {
  let now = 0
  let most = 0
  const busy = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => most = Math.max(most, ++now)),
      () => Effect.andThen(Effect.sleep("1 second"), effect),
      () => Effect.sync(() => now--),
    )
  return {
    most: () => most,
    store: {
      ...store,
      put: (name, parts, how) => busy(store.put(name, parts, how)),
      get: (name, range) => busy(store.get(name, range)),
    },
  }
}

const timed = <A, E>(effect: Effect.Effect<A, E>): Promise<number> => onTestClock(effect).then(({ waited }) => waited)

const names = Array.from({ length: 9 }, (_, i) => `x/${i}`)
const all = { concurrency: "unbounded", discard: true } as const
const kilobyte = new Uint8Array(1000)

describe("limit", () => {
  it("runs no more operations at once than allowed", async () => {
    const inner = slow(await Effect.runPromise(memoryStore.make()))
    const store = limit(inner.store, { operations: 3 })
    assert.equal(await timed(Effect.forEach(names, (name) => store.put(name, [kilobyte]), all)), 3000)
    assert.equal(inner.most(), 3)
    assert.equal(store.properties.connections, 3)
  })

  it("needs one permit for a listing and a writer whose consumer reads", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const store = limit(yield* memoryStore.make(), { operations: 1 })
      yield* Effect.forEach(names, (name) => store.put(name, [kilobyte]), all)
      const writer = yield* store.create("copy")
      yield* Stream.runForEach(
        store.list("x/"),
        ({ name }) => Effect.flatMap(store.get(name, { atMost: Infinity }), writer.append),
      )
      yield* writer.commit
      assert.equal((yield* store.stat("copy")).size, 9000)
    }))))

  it("frees its place when an operation fails", () =>
    Effect.runPromise(Effect.gen(function* () {
      const store = limit(yield* memoryStore.make(), { operations: 1 })
      for (let i = 0; i < 3; i++) yield* Effect.flip(store.get("nothing", { atMost: Infinity }))
    })))

  it("keeps to the bytes per second", async () => {
    const inner = await Effect.runPromise(memoryStore.make())
    const store = limit(inner, { upload: 1000, download: 2000 })
    // Each waits until the earlier bytes are paid for. The last ones are not paid for yet.
    assert.equal(await timed(Effect.forEach(names, (name) => store.put(name, [kilobyte]), all)), 8000)
    const range = { offset: 0, length: 500 }
    assert.equal(await timed(Effect.forEach(names, (name) => limited().get(name, range), { discard: true })), 0)
    const one = limited()
    assert.equal(await timed(Effect.forEach(names, (name) => one.get(name, range), all)), 2000)
    const other = limited()
    assert.equal(
      await timed(Effect.forEach(names, (name) => other.get(name, { atMost: Infinity }), { discard: true })),
      4000,
    )

    function limited(): ObjectStore {
      return limit(inner, { download: 2000 })
    }
  })

  it("leaves the limit within an object to a paced store", async () => {
    const inner = await Effect.runPromise(memoryStore.make())
    const sent: Array<readonly [second: number, bytes: number]> = []
    const paced: ObjectStore = {
      ...inner,
      properties: { ...inner.properties, paced: true },
      put: (name, parts, how) =>
        Effect.gen(function* () {
          const { upload } = yield* Pace
          assert.ok(upload)
          for (const part of parts) {
            for (let at = 0; at < part.length; at += PIECE) {
              const { length } = part.subarray(at, at + PIECE)
              yield* upload.charge(length)
              sent.push([Math.floor((yield* Clock.currentTimeMillis) / 1000), length])
            }
          }
          yield* inner.put(name, parts, how)
        }),
    }
    const store = limit(paced, { upload: PIECE * 2 })
    const large = new Uint8Array(PIECE * 20 + 1)
    const seconds = await timed(Effect.forEach(["a", "b"], (name) => store.put(name, [large]), all)) / 1000
    assert.equal(Math.round(seconds), 20)
    // Two pieces per second, evenly.
    for (let second = 0; second < 20; second++) {
      const bytes = sent.filter(([when]) => when === second).reduce((sum, [, bytes]) => sum + bytes, 0)
      assert.ok(bytes >= PIECE && bytes <= PIECE * 3, `${bytes} bytes in second ${second}`)
    }
    // Without a limit the store gets none.
    assert.deepEqual(await Effect.runPromise(Pace), {})
  })
})
