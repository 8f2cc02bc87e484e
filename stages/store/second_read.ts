/**
 * What is wrong with bytes that were read may be wrong with the reading: with the network, a proxy, a cable, the memory
 * of this machine. So nothing is called damaged before it was read twice.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { StoreError } from "./store.ts"

/**
 * Whether what is read has to come from the store itself: whatever remembers objects, parts of them or listings asks
 * the store again then, and remembers that instead. No by default.
 */
export const Afresh: Context.Reference<boolean> = Context.Reference("penstock/Afresh", {
  defaultValue: (): boolean => false,
})

/** Told of each object that was read wrongly once, and rightly the second time. */
export const OnSecondRead: Context.Reference<(object: string) => void> = Context.Reference("penstock/OnSecondRead", {
  defaultValue: (): (object: string) => void => () => {},
})

/** Whether a read gave something that cannot be, as against nothing. */
const isWrong = (error: unknown): error is { readonly object?: string; readonly name?: string } => {
  if (error instanceof StoreError) return error.reason === "corrupt"
  if (typeof error !== "object" || error === null || !("reason" in error)) return false
  if ("cause" in error && error.cause instanceof StoreError) return isWrong(error.cause)
  return error.reason === "corrupt" || error.reason === "forged" || error.reason === "truncated" ||
    error.reason === "foreign" || error.reason === "newer" || error.reason === "damaged"
}

/**
 * Reads an object and makes sure that it is what it should be; when it is not, once more, afresh. `read` has to ask for
 * all that it makes sure of: what it was given stays as wrong as it is. The error is that of the second time. `wrong`
 * says what else is a reason to look again.
 */
export const readTwice = <A, E, R>(
  object: string,
  read: Effect.Effect<A, E, R>,
  wrong: (error: E) => boolean = () => false,
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Afresh, (afresh) =>
    // Who asks for this is looking for the second time already.
    afresh
      ? read
      : Effect.catchIf(read, (error) => isWrong(error) || wrong(error), () =>
        Effect.flatMap(OnSecondRead, (told) =>
          Effect.tap(Effect.provideService(read, Afresh, true), () =>
            Effect.sync(() => told(object))))))
