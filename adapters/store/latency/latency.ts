/** Makes a local store as slow as a remote one; for tests. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ObjectStore } from "../../../stages/store/store.ts"

/** How far away the store is. */
export interface LatencyOptions {
  /** The extra time of each request. 50 ms by default. */
  readonly delay?: Duration.Input
  /** The property `connections` of the store. 16 by default. */
  readonly connections?: number
}

/** A store that is far away. */
export interface LatencyStore extends ObjectStore {
  /** The most requests that were under way at the same time. */
  readonly busiest: () => number
}

/**
 * The same store as if it were remote: each request takes longer. Appending to an object is not a request.
 *
 * @example See how many requests are under way at the same time
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { latency, memoryStore } from "@penstock/penstock/adapters"
 *
 * await Effect.runPromise(Effect.gen(function* () {
 *   const store = latency(yield* memoryStore.make(), { delay: 5 })
 *   const names = ["DATA/a", "DATA/b", "DATA/c"]
 *   yield* Effect.forEach(names, (name) => store.put(name, []), { concurrency: 2 })
 *   assert.equal(store.busiest(), 2)
 * }))
 * ```
 */
export const latency = (store: ObjectStore, options: LatencyOptions = {}): LatencyStore => {
  const pause = Effect.sleep(options.delay ?? 50)
  let underWay = 0
  let busiest = 0
  const late = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      busiest = Math.max(busiest, ++underWay)
      return Effect.ensuring(Effect.andThen(pause, effect), Effect.sync(() => underWay--))
    })
  return {
    properties: { ...store.properties, connections: options.connections ?? 16, remote: true, appends: false },
    busiest: () => busiest,
    put: (name, parts, how) => late(store.put(name, parts, how)),
    create: (name, how) =>
      Effect.map(store.create(name, how), (writer) => ({ ...writer, commit: late(writer.commit) })),
    get: (name, part) => late(store.get(name, part)),
    stat: (name) => late(store.stat(name)),
    list: (directory) => Stream.concat(Stream.fromEffectDrain(late(Effect.void)), store.list(directory)),
    remove: (name) => late(store.remove(name)),
  }
}
