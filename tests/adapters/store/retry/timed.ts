/** Runs effects on a clock of their own. */
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Runs an effect while a day passes; gives its outcome, and the milliseconds until then. */
export const onTestClock = <A, E>(
  effect: Effect.Effect<A, E>,
): Promise<{ readonly outcome: A; readonly waited: number }> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Effect.flatMap(
          effect,
          (outcome) => Effect.map(Clock.currentTimeMillis, (waited) => ({ outcome, waited })),
        ),
      )
      yield* TestClock.adjust("1 day")
      return yield* Fiber.join(fiber)
      // By default the clock waits up to a second of real time for a fiber that it woke, which is too short on a busy
      // machine.
    }).pipe(Effect.provide(TestClock.layer({ warningDelay: "5 minutes" }))),
  )
