/** Two failures of a store that callers take as answers: there is no such object, or there is one already. */
import * as Effect from "effect/Effect"
import { type ObjectStore, StoreError } from "./store.ts"

/** Gives undefined where a store fails with `not-found`. Any other error stays. */
export const absent = <A, E, R>(
  get: Effect.Effect<A, E, R>,
): Effect.Effect<A | undefined, E, R> =>
  Effect.catch(
    get,
    (error): Effect.Effect<undefined, E> =>
      error instanceof StoreError && error.reason === "not-found" ? Effect.succeed(undefined) : Effect.fail(error),
  )

/** Gives true when a create-only put succeeds, and false when the name is taken. Any other error stays. */
export const created = (put: Effect.Effect<void, StoreError>): Effect.Effect<boolean, StoreError> =>
  Effect.catch(
    Effect.as(put, true),
    (error) => error.reason === "exists" ? Effect.succeed(false) : Effect.fail(error),
  )

/** Whether a store has an object of this name. */
export const isThere = (store: ObjectStore, name: string): Effect.Effect<boolean, StoreError> =>
  Effect.map(absent(store.stat(name)), (info) => info !== undefined)

/**
 * Puts an object that is named by its content. An object that is there already has the same content, so it stays.
 *
 * @example Store a chunk that another writer may have stored
 * ```ts
 * import assert from "node:assert"
 * import { memoryStore } from "@penstock/penstock/adapters"
 * import { putOnce } from "@penstock/penstock/format"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const store = yield* memoryStore.make()
 *   yield* putOnce(store, "chunks/ab", new Uint8Array(10))
 *   yield* putOnce(store, "chunks/ab", new Uint8Array(10))
 *   return yield* store.stat("chunks/ab")
 * })
 * assert.equal((await Effect.runPromise(program)).size, 10)
 * ```
 */
export const putOnce = (
  store: ObjectStore,
  name: string,
  bytes: Uint8Array,
  contentType?: string,
): Effect.Effect<void, StoreError> =>
  Effect.asVoid(created(store.put(name, [bytes], contentType === undefined ? {} : { contentType })))
