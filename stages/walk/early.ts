/** Begins a stream before it is asked for, while something else keeps its consumer waiting. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** A stream that may begin early. */
export interface Early<out A, out E> {
  /** From now on elements are taken from the source, and kept. */
  readonly begin: () => void
  /** The same elements as those of the source. To be run once. When it runs, no more is taken than it asks for. */
  readonly stream: Stream.Stream<A, E>
}

/** `capacity`: about so many elements are taken early at most. */
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
        // Lets through what the consumer is waiting for.
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
