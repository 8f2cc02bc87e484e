/** Answers of a store that are no failures: that there is no such object, or that there is one already. */
import * as Effect from "effect/Effect"
import { StoreError } from "./store.ts"

/** What there is not is undefined. */
export const absent = <A, E extends { readonly reason: string } = StoreError, R = never>(
  get: Effect.Effect<A, E, R>,
): Effect.Effect<A | undefined, E, R> =>
  Effect.catch(
    get,
    (error): Effect.Effect<undefined, E> =>
      error instanceof StoreError && error.reason === "not-found" ? Effect.succeed(undefined) : Effect.fail(error),
  )

/** A create-only put: false when there is an object of that name already. */
export const created = (put: Effect.Effect<void, StoreError>): Effect.Effect<boolean, StoreError> =>
  Effect.catch(
    Effect.as(put, true),
    (error) => error.reason === "exists" ? Effect.succeed(false) : Effect.fail(error),
  )
