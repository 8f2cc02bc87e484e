/** Errors: how they are declared (see `tagged.ts`), and how synchronous code that throws them becomes an Effect. */
import * as Effect from "effect/Effect"

export { type ErrorFields, taggedError, type TaggedErrorClass, type TaggedErrorInstance } from "./tagged_error.ts"

/** Runs synchronous code: what it throws of one class of errors becomes a failure, anything else is a defect. */
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
