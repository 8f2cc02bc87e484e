/** Starts a stream while its consumer still waits for something else. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** A stream that can start early. */
export interface Early<out A, out E> {
  /** Starts to take elements from the source and to keep them. */
  readonly begin: () => void
  /** The elements of the source. Run it once. While it runs, no more elements are taken than it asks for. */
  readonly stream: Stream.Stream<A, E>
}

/** Makes a stream that can start early. `capacity`: about how many elements are taken early, at most. */
export const early = <A, E, R>(
  self: Stream.Stream<A, E, R>,
  capacity: number,
): Effect.Effect<Early<A, E>, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const pull = yield* Stream.toPull(self)
    const begun = Latch.makeUnsafe(false)
    const kept: Array<Effect.Success<typeof pull>> = []
    let wanted = false
    const take = Effect.gen(function* () {
      yield* begun.await
      for (let n = 0; !wanted && n < capacity;) {
        const elements = yield* pull
        kept.push(elements)
        n += elements.length
        // Lets the fiber run that the consumer is waiting for.
        yield* Effect.yieldNow
      }
    })
    const fiber = yield* Effect.forkScoped(Effect.exit(take))
    const stream = Stream.fromPull(Effect.gen(function* () {
      wanted = true
      begun.openUnsafe()
      const ended = yield* Fiber.join(fiber)
      return Effect.suspend((): typeof pull => {
        const elements = kept.shift()
        if (elements !== undefined) return Effect.succeed(elements)
        return Exit.isFailure(ended) ? Effect.failCause(ended.cause) : pull
      })
    }))
    return { begin: () => void begun.openUnsafe(), stream }
  })
