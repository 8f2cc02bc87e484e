/** The contract of {@link ObjectStore}, for any implementation. */
import { describe, it } from "node:test"
import { Effect, type Scope } from "effect"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { testReading } from "./reading.ts"
import { testWriting } from "./writing.ts"
import { testWriters } from "./writers.ts"
import { testNames } from "./names.ts"
import { testListing } from "./listing.ts"
import { testAtomicity } from "./atomic.ts"
import type { StoreTest } from "./trial.ts"

/** Differences between stores. */
export interface StoreSuiteOptions {
  /** Reasons to skip tests that need objects of many megabytes, or thousands of objects. */
  readonly skipLarge?: string
}

/**
 * Tests a store against the port. `makeStore` gives a new, empty store, and frees its resources when the scope closes.
 */
export const storeSuite = (
  name: string,
  makeStore: Effect.Effect<ObjectStore, unknown, Scope.Scope>,
  options: StoreSuiteOptions = {},
): void => {
  const test: StoreTest = (title, body, skip) =>
    void it(
      title,
      { timeout: 60_000, ...(skip === undefined ? {} : { skip }) },
      () => Effect.runPromise(Effect.scoped(Effect.flatMap(makeStore, body))),
    )

  describe(`${name} as an object store`, () => {
    testReading(test)
    testWriting(test, options.skipLarge)
    testWriters(test)
    testNames(test)
    testListing(test, options.skipLarge)
    testAtomicity(test, options.skipLarge)
  })
}
