import * as Effect from "effect/Effect"
import type { ObjectStore } from "./store.ts"

/** Reads what is there, and takes writes without making any: for dry runs. */
export const discarding = (store: ObjectStore): ObjectStore => ({
  ...store,
  put: () => Effect.void,
  create: () => Effect.succeed({ append: () => Effect.void, commit: Effect.void }),
  remove: () => Effect.void,
})
