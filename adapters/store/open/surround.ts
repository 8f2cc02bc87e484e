/** The decorators around a remote store, and their order. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { countingInto } from "../counting/counting.ts"
import type { StoreCounts } from "../counting/counts.ts"
import { limit, type LimitOptions } from "../limit/limit.ts"
import { log, type LogOptions } from "../log/log.ts"
import { makeRetrier, openingWith, type RetryOptions, StepRetrier } from "../retry/retrier.ts"
import { retryBy } from "../retry/retry.ts"

/** Options of the decorators around a store. */
export interface SurroundOptions {
  /** Waits and times of `retry`, which every remote store gets. */
  readonly retry?: RetryOptions
  /** Options of `limit`, for remote stores only. */
  readonly limit?: LimitOptions
  /** Counts to add to, for remote stores only. */
  readonly counts?: StoreCounts
  /** Options of `log`, for any store. */
  readonly log?: LogOptions
}

/**
 * Opens a store by `make`, and puts decorators around it. A store that is not remote gets `log` only. The order, from
 * the inside:
 *
 * 1. `log`: it shows each try and the time that the server takes, without the waits of the others.
 * 2. `limit`: each try pays for the bytes that it sends, and holds no permit while it waits for the next try.
 * 3. `counting`: each try counts as a request.
 * 4. `retry`: it repeats all of the above. Opening is tried again, too.
 *
 * A `cache` belongs around all of them, because cached objects cost no requests. It is not here, because it has to know
 * which objects may be cached.
 *
 * @example Open a store of your own with retries and a log
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { latency, makeCounts, memoryStore, surround } from "@penstock/penstock/adapters"
 *
 * const open = Effect.map(memoryStore.make(), (store) => latency(store, { delay: 1 }))
 * const counts = makeCounts()
 * await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
 *   const store = yield* surround(open, { counts, log: {}, retry: { within: "2 minutes" } })
 *   yield* store.put("DATA/a", [Uint8Array.of(1)])
 * })))
 * assert.equal(counts.requests.put, 1)
 * ```
 */
export const surround: (
  make: Effect.Effect<ObjectStore, StoreError, Scope.Scope>,
  options?: SurroundOptions,
) => Effect.Effect<ObjectStore, StoreError, Scope.Scope> = Effect.fnUntraced(function* (make, options = {}) {
  const { counts } = options
  const retrier = makeRetrier({
    ...options.retry,
    onRetry: (retry) => {
      if (counts !== undefined) counts.retries++
      return options.retry?.onRetry?.(retry) ?? Effect.void
    },
  })
  let store = yield* openingWith(retrier, Effect.provideService(make, StepRetrier, retrier))
  const { remote } = store.properties
  if (options.log !== undefined) store = log(store, options.log)
  if (remote !== true) return store
  if (options.limit !== undefined) store = limit(store, options.limit)
  if (counts !== undefined) store = countingInto(store, counts)
  return retryBy(store, retrier)
})
