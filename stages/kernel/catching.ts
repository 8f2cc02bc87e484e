/** How code that throws tagged errors becomes an Effect. */
import * as Effect from "effect/Effect"

/** Runs synchronous code. What it throws of one class of errors becomes a failure; anything else is a defect. */
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

/** The same for code whose result comes later, and that may throw or reject. */
export const catchingLater = <E extends Error, A>(
  kind: abstract new (fields: never) => E,
  run: () => Promise<A>,
): Effect.Effect<A, E> =>
  Effect.catch(
    Effect.tryPromise({ try: run, catch: (error): unknown => error }),
    (error) => error instanceof kind ? Effect.fail(error) : Effect.die(error),
  )
