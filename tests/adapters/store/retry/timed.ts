/** Runs effects on a clock of their own. */
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Runs while a day passes; gives the outcome, and the milliseconds that had passed by then. */
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
      // By default it waits no longer than a second of real time for a fiber that was woken: too short for a machine
      // that is busy.
    }).pipe(Effect.provide(TestClock.layer({ warningDelay: "5 minutes" }))),
  )
