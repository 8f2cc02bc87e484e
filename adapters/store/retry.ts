/** Tries again what may pass. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { ObjectStore, StoreError } from "../../stages/pack/store.ts"
import { equalsParts, sizeOfParts } from "./parts.ts"

/** How often and when to try again. */
export interface RetryOptions {
  /** Tries after the first. 8 by default. */
  readonly times?: number
  /** Wait before the second try; doubles with each. 200 ms by default. All waits vary by 20% either way. */
  readonly base?: Duration.Input
  /** The longest wait. 30 s by default. */
  readonly longest?: Duration.Input
}

/**
 * The same store, where an operation that fails with `unavailable` is tried again, when a repetition does no harm.
 *
 * - A create-only `put` may have succeeded although it failed. So when a later try says `exists`, the object is read: the `put`
 *   succeeds when it holds exactly these bytes, and fails with `exists` otherwise. Two writers of the same bytes under one name
 *   may then both succeed; that is right for objects named by their content, or by a random name.
 * - `append` and `commit` of a writer are not tried again, `create` is.
 * - `list` starts again only while it has given nothing.
 */
export const retry = (store: ObjectStore, options?: RetryOptions): ObjectStore => {
  const schedule = Schedule.min([
    Schedule.exponential(options?.base ?? "200 millis"),
    Schedule.spaced(options?.longest ?? "30 seconds"),
  ]).pipe(Schedule.jittered, Schedule.upTo({ times: options?.times ?? 8 }))
  const passes = (error: StoreError): boolean => error.reason === "unavailable"
  const again = <A, R>(effect: Effect.Effect<A, StoreError, R>): Effect.Effect<A, StoreError, R> =>
    Effect.retry(effect, { schedule, while: passes })

  const holds = Effect.fnUntraced(function* (name: string, parts: ReadonlyArray<Uint8Array>) {
    const { size } = yield* store.stat(name)
    return size === sizeOfParts(parts) && equalsParts(yield* store.get(name), parts)
  })
  const putNew: ObjectStore["put"] = (name, parts, how) =>
    Effect.suspend(() => {
      let first = true
      return again(Effect.suspend(() => {
        const put = store.put(name, parts, how)
        if (!first) {
          return Effect.catch(put, (error) =>
            error.reason !== "exists"
              ? Effect.fail(error)
              : Effect.flatMap(holds(name, parts), (same) =>
                same ? Effect.void : Effect.fail(error)))
        }
        first = false
        return put
      }))
    })

  return {
    properties: store.properties,
    put: (name, parts, how) => how?.replace ? again(store.put(name, parts, how)) : putNew(name, parts, how),
    create: (name, options) => again(store.create(name, options)),
    get: (name, range) => again(store.get(name, range)),
    stat: (name) => again(store.stat(name)),
    list: (directory) =>
      Stream.suspend(() => {
        let given = false
        return store.list(directory).pipe(
          Stream.mapArray((objects) => {
            given = true
            return objects
          }),
          Stream.retry(Schedule.while(Schedule.setInputType<StoreError>()(schedule), ({ input }) =>
            Effect.succeed(!given && passes(input)))),
        )
      }),
    remove: (name) => again(store.remove(name)),
  }
}
