/** Limits how much a store is asked for at once. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { ObjectStore } from "../../stages/pack/store.ts"
import { sizeOfParts } from "./parts.ts"

/** Limits; what is absent is not limited. */
export interface LimitOptions {
  /** Operations under way at once; at least 1. */
  readonly operations?: number
  /** Bytes per second written, on average: an object goes at full speed, then the next one waits. */
  readonly upload?: number
  /** Bytes per second read, on average. */
  readonly download?: number
}

/** Waits so that on average no more than `rate` bytes pass per second. */
interface Meter {
  /** Waits until all bytes before are paid for, then charges `bytes`. */
  readonly charge: (bytes: number) => Effect.Effect<void>
  /** Charges bytes that have passed already. */
  readonly owe: (bytes: number) => void
}

const meter = (rate: number): Meter => {
  let paid = 0 // the time in milliseconds at which all bytes so far are paid for
  return {
    charge: (bytes) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const start = Math.max(now, paid)
        paid = start + bytes / rate * 1000
        return start > now ? Effect.sleep(start - now) : Effect.void
      }),
    owe: (bytes) => {
      paid += bytes / rate * 1000
    },
  }
}

const unmetered: Meter = { charge: () => Effect.void, owe: () => {} }

/** The same store within limits. A writer counts as an operation only during its calls, a listing only while it fetches. */
export const limit = (store: ObjectStore, options: LimitOptions): ObjectStore => {
  const permits = options.operations === undefined ? undefined : Semaphore.makeUnsafe(Math.max(1, options.operations))
  const up = options.upload === undefined ? unmetered : meter(options.upload)
  const down = options.download === undefined ? unmetered : meter(options.download)
  const one = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    permits === undefined ? effect : Semaphore.withPermit(permits, effect)
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
    get: (name, range) =>
      range === undefined
        ? Effect.tap(
          Effect.andThen(down.charge(0), one(store.get(name))),
          (bytes) => Effect.sync(() => down.owe(bytes.length)),
        )
        : Effect.andThen(down.charge(range.length), one(store.get(name, range))),
    stat: (name) => one(store.stat(name)),
    list: (directory) => Stream.transformPull(store.list(directory), (pull) => Effect.succeed(one(pull))),
    remove: (name) => one(store.remove(name)),
  }
}
