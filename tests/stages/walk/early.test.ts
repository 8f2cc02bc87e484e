/** Streams that start before their consumer. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Option, type Scope, Stream } from "effect"
import { early } from "../../../stages/walk/early.ts"

/** A stream of numbers in arrays of ten, and a count of the arrays that were taken. */
const counted = (arrays: number, failure?: string) => {
  const taken = { arrays: 0 }
  const stream = Stream.paginate(
    0,
    (n) =>
      n === arrays && failure !== undefined ? Effect.fail(failure) : Effect.sync(() => {
        taken.arrays++
        const more = n + 1 < arrays || failure !== undefined
        return [numbers(10).map((i) => 10 * n + i), more ? Option.some(n + 1) : Option.none<number>()] as const
      }),
  )
  return { stream, taken }
}
const numbers = (n: number) => Array.from({ length: n }, (_, i) => i)
const turns = (n: number) => Effect.forEach(numbers(n), () => Effect.promise(() => new Promise(setImmediate)))

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.runPromise(Effect.scoped(effect))

test("no elements are taken before the start, and no more than the capacity before the stream runs", () =>
  run(Effect.gen(function* () {
    const { stream, taken } = counted(100)
    const { begin, stream: again } = yield* early(stream, 50)
    yield* turns(5)
    assert.equal(taken.arrays, 0)
    begin()
    yield* turns(50)
    assert.equal(taken.arrays, 5)
    assert.deepEqual(yield* Stream.runCollect(again), numbers(1000))
    assert.equal(taken.arrays, 100)
  })))

test("a stream need not start early, and its consumer may end early", () =>
  run(Effect.gen(function* () {
    assert.deepEqual(yield* Stream.runCollect((yield* early(counted(7).stream, 50)).stream), numbers(70))
    const { begin, stream } = yield* early(counted(3).stream, 1000)
    begin()
    yield* turns(20)
    assert.deepEqual(yield* Stream.runCollect(stream), numbers(30))
  })))

test("a failure comes after the elements before it, with and without an early start", () =>
  run(Effect.gen(function* () {
    for (const capacity of [1000, 10]) {
      const { begin, stream } = yield* early(counted(3, "no more").stream, capacity)
      begin()
      yield* turns(20)
      const seen: Array<number> = []
      const failure = yield* Effect.flip(Stream.runForEach(stream, (n) => Effect.sync(() => seen.push(n))))
      assert.equal(failure, "no more")
      assert.deepEqual(seen, numbers(30))
    }
  })))
