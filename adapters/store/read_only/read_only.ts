/** Refuses writes to a store. */
import * as Effect from "effect/Effect"
import { StoreError } from "../../../stages/store/store.ts"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"

/** What happens to writes. */
export interface ReadOnlyOptions {
  /**
   * `fail`, the default: every write fails with `denied`. `swallow`: it succeeds and does nothing, for example for a
   * dry run.
   */
  readonly writes?: "fail" | "swallow"
}

/**
 * The same store without `put`, `create` and `remove`. Swallowed writes cannot be read back.
 *
 * @example Hand out a store that nobody can change
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { memoryStore, readOnly } from "@penstock/penstock/adapters"
 *
 * await Effect.runPromise(Effect.gen(function* () {
 *   const store = readOnly(yield* memoryStore.make())
 *   const error = yield* Effect.flip(store.put("DATA/a", []))
 *   assert.equal(error.reason, "denied")
 * }))
 * ```
 */
export const readOnly: Decorator<[options?: ReadOnlyOptions]> = decorator((store, options) => {
  const write = (name: string): Effect.Effect<void, StoreError> =>
    options?.writes === "swallow" ? Effect.void : Effect.fail(
      new StoreError({
        reason: "denied",
        object: name,
        message: `Cannot change "${name}" in ${store.properties.location}: the store is opened for reading only`,
      }),
    )
  return {
    ...store,
    put: write,
    create: (name) => Effect.as(write(name), { append: () => Effect.void, commit: Effect.void }),
    remove: write,
    makeDirectories: () => write(""),
  }
})
