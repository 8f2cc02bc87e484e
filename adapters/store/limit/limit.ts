/** Limits the operations and the bandwidth of a store. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"
import { type Limits, makeMeter, type Meter, Pace } from "./pace.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"

/** The limits. Absent ones do not apply. */
export interface LimitOptions {
  /** Operations at the same time; at least 1. */
  readonly operations?: number
  /** Bytes written per second, on average. */
  readonly upload?: number
  /** Bytes read per second, on average. */
  readonly download?: number
}

const unmetered: Meter = { charge: () => Effect.void, owe: () => {} }

/**
 * The same store within limits. A writer counts as an operation only during its calls, and a listing only while it
 * fetches.
 *
 * A store with the property `paced` keeps to the bytes per second within an object. With other stores an object goes at
 * full speed, and the next one waits.
 *
 * @example Upload at most 1 MiB per second, with two operations at a time
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { limit, memoryStore } from "@penstock/penstock/adapters"
 *
 * await Effect.runPromise(Effect.gen(function* () {
 *   const store = limit(yield* memoryStore.make(), { operations: 2, upload: 1 << 20 })
 *   yield* store.put("DATA/a", [new Uint8Array(1000)])
 *   assert.equal(store.properties.connections, 2)
 * }))
 * ```
 */
export const limit: Decorator<[options: LimitOptions]> = decorator((store, options) => {
  const permits = options.operations === undefined ? undefined : Semaphore.makeUnsafe(Math.max(1, options.operations))
  const limits: Limits = {
    ...(options.upload === undefined ? {} : { upload: makeMeter(options.upload) }),
    ...(options.download === undefined ? {} : { download: makeMeter(options.download) }),
  }
  const { upload: up = unmetered, download: down = unmetered } = store.properties.paced === true ? {} : limits
  const one = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const paced = Effect.provideService(effect, Pace, limits)
    return permits === undefined ? paced : Semaphore.withPermit(permits, paced)
  }
  const connections = Math.min(store.properties.connections, options.operations ?? Infinity)
  return {
    properties: { ...store.properties, connections: Math.max(1, connections) },
    put: (name, parts, how) =>
      Effect.andThen(
        Effect.suspend(() => up.charge(sizeOfParts(parts))),
        one(store.put(name, parts, how)),
      ),
    create: (name, options) =>
      Effect.map(one(store.create(name, options)), (writer) => ({
        append: (bytes) => Effect.andThen(Effect.suspend(() => up.charge(bytes.length)), one(writer.append(bytes))),
        commit: one(writer.commit),
      })),
    get: (name, part) =>
      "atMost" in part
        ? Effect.tap(
          Effect.andThen(down.charge(0), one(store.get(name, part))),
          (bytes) => Effect.sync(() => down.owe(bytes.length)),
        )
        : Effect.andThen(down.charge(part.length), one(store.get(name, part))),
    stat: (name) => one(store.stat(name)),
    list: (directory) => Stream.transformPull(store.list(directory), (pull) => Effect.succeed(one(pull))),
    remove: (name) => one(store.remove(name)),
  }
})
