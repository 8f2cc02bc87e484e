/** What stands around a store of the network, and in which order. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { countingInto } from "../counting/counting.ts"
import type { StoreCounts } from "../counting/counts.ts"
import { limit, type LimitOptions } from "../limit/limit.ts"
import { log, type LogOptions } from "../log/log.ts"
import { makeRetrier, openingWith, type RetryOptions, StepRetrier } from "../retry/retrier.ts"
import { retryBy } from "../retry/retry.ts"

/** What is to stand around a store. */
export interface SurroundOptions {
  /** Waits and times; remote stores only. They are always tried again. */
  readonly retry?: RetryOptions
  /** Remote stores only. */
  readonly limit?: LimitOptions
  /** Counts to add to; remote stores only. */
  readonly counts?: StoreCounts
  /** For any store. */
  readonly log?: LogOptions
}

/**
 * Opens a store by `make`, and puts around it what it needs. A store that is not remote is left as it is, unless it is
 * to be logged. From the inside:
 *
 * 1. `log`: what is asked of the server, each try, and how long the server takes, without the waits of the others.
 * 2. `limit`: each try that sends bytes pays for them; nothing is held while it waits for the next try.
 * 3. `counting`: each try is a request.
 * 4. `retry`: of all of that. Opening is tried again, too.
 *
 * A `cache` goes around all: what it has costs nothing of the above. It is not here, as it has to know what is in the
 * store.
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
