/** A store that takes no writes. */
import * as Effect from "effect/Effect"
import { StoreError } from "../../../stages/store/store.ts"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"

/** What becomes of writes. */
export interface ReadOnlyOptions {
  /**
   * `fail`: every write fails with `denied` (the default). `swallow`: it succeeds and nothing happens, as for a dry
   * run.
   */
  readonly writes?: "fail" | "swallow"
}

/** The same store without `put`, `create` and `remove`. What is swallowed cannot be read back. */
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
  }
})
