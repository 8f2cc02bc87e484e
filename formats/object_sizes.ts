/** What contents take in a store that keeps each as an object of its own. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ObjectNames } from "../stages/pack/objects.ts"
import type { ObjectStore } from "../stages/store/store.ts"
import type { Repository } from "./repository.ts"

/** `Repository.storedSizes` from a listing of these objects. */
export const objectSizes = (
  store: ObjectStore,
  { directory, idOf }: Pick<ObjectNames, "directory" | "idOf">,
): NonNullable<Repository["storedSizes"]> =>
(piece) =>
  Stream.runForEachArray(store.list(directory), (found) =>
    Effect.sync(() => {
      for (const { name, size } of found) {
        const id = idOf(name)
        if (id !== undefined) piece(id, size)
      }
    }))
