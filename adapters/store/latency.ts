/** Makes a near store like one that is far away: for tests and measurements. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ObjectStore } from "../../stages/pack/store.ts"

/** How far away. */
export interface LatencyOptions {
  /** What each request takes besides. 50 ms by default. */
  readonly delay?: Duration.Input
  /** Requests that are worth having under way at once, as the store then says. 16 by default. */
  readonly connections?: number
}

/** Requests by kind. A listing is one for each 1,000 objects, and one at least; `create` is none, and `commit` one. */
export interface StoreRequests {
  readonly put: number
  readonly get: number
  readonly stat: number
  readonly list: number
  readonly remove: number
  readonly commit: number
}

/** A store that is far away. */
export interface LatencyStore extends ObjectStore {
  /** Requests so far. */
  readonly requests: () => StoreRequests
  /** The most that were under way at once. */
  readonly busiest: () => number
}

/** Objects in an answer to a listing. */
const PAGE = 1000

/** The same store, remote, where each request takes so much longer, and takes objects whole. */
export const latency = (store: ObjectStore, options: LatencyOptions = {}): LatencyStore => {
  const requests = { put: 0, get: 0, stat: 0, list: 0, remove: 0, commit: 0 }
  const pause = Effect.sleep(options.delay ?? 50)
  let under = 0
  let busiest = 0
  const request = (kind: keyof StoreRequests): Effect.Effect<void> =>
    Effect.suspend(() => {
      requests[kind]++
      busiest = Math.max(busiest, ++under)
      return Effect.ensuring(pause, Effect.sync(() => under--))
    })
  const late = <A, E, R>(kind: keyof StoreRequests, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.andThen(request(kind), effect)
  return {
    properties: {
      ...store.properties,
      connections: options.connections ?? 16,
      remote: true,
      appends: false,
    },
    requests: () => ({ ...requests }),
    busiest: () => busiest,
    put: (name, parts, how) => late("put", store.put(name, parts, how)),
    create: (name, how) =>
      Effect.map(store.create(name, how), (writer) => ({ ...writer, commit: late("commit", writer.commit) })),
    get: (name, range) => late("get", store.get(name, range)),
    stat: (name) => late("stat", store.stat(name)),
    list: (directory) =>
      Stream.suspend(() => {
        let given = 0
        return Stream.concat(
          Stream.fromEffectDrain(request("list")),
          Stream.mapArrayEffect(store.list(directory), (objects) => {
            const before = Math.ceil(given / PAGE)
            given += objects.length
            const pages = Math.ceil(given / PAGE) - Math.max(1, before)
            return Effect.as(Effect.replicateEffect(request("list"), Math.max(0, pages), { discard: true }), objects)
          }),
        )
      }),
    remove: (name) => late("remove", store.remove(name)),
  }
}
