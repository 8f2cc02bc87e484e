import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { fault, memoryStore } from "../../../adapters/mod.ts"
import { packSink } from "../../../stages/pack/pack_sink.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { noise } from "../../suites/noise.ts"

for (const appends of [true, false]) {
  describe(`a pack on a store that ${appends ? "appends" : "takes objects at once"}`, () => {
    const withStore = <A, E>(use: (store: ObjectStore) => Effect.Effect<A, E>) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const store = yield* ObjectStore
          return yield* use({ ...store, properties: { ...store.properties, appends } })
        }).pipe(Effect.provide(memoryStore.layer)),
      )
    const header = noise(40, 1)
    const pieces = () => [noise(100_000, 2), noise(5, 3), noise(70_000, 4)]
    const tail = noise(300, 5)

    it("appears when it has ended, with all its bytes", () =>
      withStore((store) =>
        Effect.scoped(Effect.gen(function* () {
          const sink = yield* packSink(store, "a/pack", header)
          for (const piece of pieces()) yield* sink.append(piece)
          assert.deepEqual(yield* Stream.runCollect(store.list("")), [])
          yield* sink.end(tail)
          const expected = Buffer.concat([header, ...pieces(), tail])
          assert.deepEqual(Buffer.from(yield* store.get("a/pack", { atMost: Infinity })), expected)
        }))
      ))

    it("does not appear when it is abandoned, and never in part when a write fails", () =>
      withStore((store) =>
        Effect.gen(function* () {
          yield* Effect.scoped(Effect.flatMap(packSink(store, "left", header), (sink) => sink.append(noise(9))))
          for (let nth = 1, hit = true; hit; nth++) {
            const failing = fault(store, { nth, effect: "fail" })
            yield* Effect.exit(Effect.scoped(Effect.gen(function* () {
              const sink = yield* packSink(failing, `pack-${nth}`, header)
              for (const piece of pieces()) yield* sink.append(piece)
              yield* sink.end(tail)
            })))
            hit = failing.hit() !== undefined
          }
          const size = header.length + pieces().reduce((sum, { length }) => sum + length, 0) + tail.length
          const found = yield* Stream.runCollect(store.list(""))
          assert.ok(found.length === 1 && found.every((object) => object.size === size))
        })
      ))
  })
}
