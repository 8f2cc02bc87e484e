/** Makes a near store like one that is far away: for tests. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ObjectStore } from "../../../stages/store/store.ts"

/** How far away. */
export interface LatencyOptions {
  /** What each request takes besides. 50 ms by default. */
  readonly delay?: Duration.Input
  /** Requests that are worth having under way at once, as the store then says. 16 by default. */
  readonly connections?: number
}

/** A store that is far away. */
export interface LatencyStore extends ObjectStore {
  /** The most requests that were under way at once. */
  readonly busiest: () => number
}

/**
 * The same store, remote, where each request takes so much longer, and objects are taken whole: appending to one is no
 * request.
 */
export const latency = (store: ObjectStore, options: LatencyOptions = {}): LatencyStore => {
  const pause = Effect.sleep(options.delay ?? 50)
  let under = 0
  let busiest = 0
  const late = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      busiest = Math.max(busiest, ++under)
      return Effect.ensuring(Effect.andThen(pause, effect), Effect.sync(() => under--))
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
