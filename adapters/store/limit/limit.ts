/** Limits how much a store is asked for at once. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"
import { type Limits, makeMeter, type Meter, Pace } from "./pace.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"

/** Limits; what is absent is not limited. */
export interface LimitOptions {
  /** Operations under way at once; at least 1. */
  readonly operations?: number
  /** Bytes per second written, on average. */
  readonly upload?: number
  /** Bytes per second read, on average. */
  readonly download?: number
}

const unmetered: Meter = { charge: () => Effect.void, owe: () => {} }

/**
 * The same store within limits. A writer counts as an operation only during its calls, a listing only while it fetches.
 *
 * A store with the property `paced` keeps to the bytes per second within an object. With any other, an object goes at
 * full speed, then the next one waits.
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
