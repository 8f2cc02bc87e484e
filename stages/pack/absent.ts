/** Answers of a store that are no failures: that there is no such object, or that there is one already. */
import * as Effect from "effect/Effect"
import type { StoreError } from "./store.ts"

/** What there is not is undefined. */
export const absent = <A, R = never>(
  get: Effect.Effect<A, StoreError, R>,
): Effect.Effect<A | undefined, StoreError, R> =>
  Effect.catch(get, (error) => error.reason === "not-found" ? Effect.succeed(undefined) : Effect.fail(error))

/** A create-only put: false when there is an object of that name already. */
export const created = (put: Effect.Effect<void, StoreError>): Effect.Effect<boolean, StoreError> =>
  Effect.catch(
    Effect.as(put, true),
    (error) => error.reason === "exists" ? Effect.succeed(false) : Effect.fail(error),
  )
