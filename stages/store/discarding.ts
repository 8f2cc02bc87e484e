import * as Effect from "effect/Effect"
import type { ObjectStore } from "./store.ts"

/** A store for dry runs: it reads from `store`, and every write succeeds without effect. */
export const discarding = (store: ObjectStore): ObjectStore => ({
  ...store,
  put: () => Effect.void,
  create: () => Effect.succeed({ append: () => Effect.void, commit: Effect.void }),
  remove: () => Effect.void,
  makeDirectories: () => Effect.void,
})
