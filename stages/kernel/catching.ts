/** How code that throws tagged errors becomes an Effect. */
import * as Effect from "effect/Effect"

/**
 * Runs synchronous code. An error of the given class that it throws becomes a failure; anything else is a defect.
 *
 * @example Run a kernel in an Effect
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { gzip, KernelError, makeKernel } from "@penstock/penstock"
 * import { catching } from "@penstock/penstock/format"
 *
 * const { decode } = makeKernel(gzip())
 * const decoded = catching(KernelError, () => decode(Uint8Array.of(1, 2, 3), 100))
 * assert.equal((await Effect.runPromise(Effect.flip(decoded))).reason, "corrupt")
 * ```
 */
export const catching = <E extends Error, A>(
  kind: abstract new (fields: never) => E,
  run: () => A,
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      return error instanceof kind ? Effect.fail(error) : Effect.die(error)
    }
  })

/** The same for asynchronous code, which may throw or reject. */
export const catchingLater = <E extends Error, A>(
  kind: abstract new (fields: never) => E,
  run: () => Promise<A>,
): Effect.Effect<A, E> =>
  Effect.catch(
    Effect.tryPromise({ try: run, catch: (error): unknown => error }),
    (error) => error instanceof kind ? Effect.fail(error) : Effect.die(error),
  )
