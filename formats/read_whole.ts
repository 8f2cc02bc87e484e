/** Reads objects that are read whole. */
import * as Effect from "effect/Effect"
import { type ObjectStore, StoreError } from "../stages/store/store.ts"
import { corrupt, RepositoryError } from "./error.ts"

/**
 * Reads all of an object. One that is longer than its kind can be is damaged: that is `corrupt` as a RepositoryError.
 */
export const readWhole = (
  store: ObjectStore,
  name: string,
  atMost: number,
): Effect.Effect<Uint8Array, RepositoryError | StoreError> =>
  Effect.mapError(
    store.get(name, { atMost }),
    (error) => error.reason === "corrupt" ? corrupt(name, error.message, error) : error,
  )
