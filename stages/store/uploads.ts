/** Writes that go on while more is made. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

/** Some writes under way. Calls come one at a time. */
export interface Uploads<E> {
  /** Starts a write, when fewer than the most are under way. Fails with what an earlier one failed with. */
  readonly start: (write: Effect.Effect<void, E>) => Effect.Effect<void, E>
  /**
   * Waits until all that were started have succeeded. Fails, and from then on always, with what the first of them
   * failed with.
   */
  readonly settle: Effect.Effect<void, E>
}

/** At most `most` writes at once. Those that are under way when the scope closes are interrupted. */
export const makeUploads = <E>(most: number): Effect.Effect<Uploads<E>, never, Scope.Scope> =>
  Effect.map(Scope.Scope, (scope) => {
    // The oldest first. One that has failed stays: nobody may go on as if it were there.
    const under: Array<Fiber.Fiber<void, E>> = []
    const until = (left: number): Effect.Effect<void, E> =>
      Effect.whileLoop({
        while: () => under.length > left,
        body: () => Fiber.join(under[0]!),
        step: () => void under.shift(),
      })
    return {
      start: (write) =>
        Effect.suspend(() => until(most - 1)).pipe(
          Effect.andThen(Effect.forkIn(write, scope)),
          Effect.map((fiber) => void under.push(fiber)),
        ),
      settle: Effect.suspend(() => until(0)),
    }
  })
