/** Reads an object whole. */
import * as Effect from "effect/Effect"
import { type ObjectStore, StoreError } from "../stages/store/store.ts"
import { corrupt, RepositoryError } from "./error.ts"

/**
 * Reads all of an object. Fails with RepositoryError `corrupt` when it has more than `atMost` bytes, which objects of
 * its kind cannot have: so nobody who can write to the store can make a reader take any amount of memory.
 *
 * @example Read no more of an object than its kind can have
 * ```ts
 * import { Effect } from "effect"
 * import { memoryStore } from "@penstock/penstock/adapters"
 * import { readWhole } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * await Effect.runPromise(store.put("config", [Uint8Array.of(1, 2, 3)]))
 * assert.deepEqual(await Effect.runPromise(readWhole(store, "config", 4096)), Uint8Array.of(1, 2, 3))
 * assert.equal((await Effect.runPromise(Effect.flip(readWhole(store, "config", 2)))).reason, "corrupt")
 * ```
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
