/** Writes to a store that run while the next ones are prepared. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

/** Writes under way. Make one call at a time. */
export interface Uploads<E> {
  /** Waits until there is room for a write, and starts it. Fails with the error of an earlier write that failed. */
  readonly start: (write: Effect.Effect<void, E>) => Effect.Effect<void, E>
  /**
   * Waits until all writes have succeeded. When one has failed, this fails with the error of the first, now and each
   * time after.
   */
  readonly settle: Effect.Effect<void, E>
}

/** Runs at most `most` writes at once. Writes under way are interrupted when the scope closes. */
export const makeUploads = <E>(most: number): Effect.Effect<Uploads<E>, never, Scope.Scope> =>
  Effect.map(Scope.Scope, (scope) => {
    // The oldest first. One that has failed stays, so that no caller goes on as if it had succeeded.
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
