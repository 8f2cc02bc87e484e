/**
 * Reads that are repeated. Wrong bytes may come from the reading: from the network, a proxy, a cable or the memory of
 * this machine. So nothing is called damaged before it was read twice.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { StoreError } from "./store.ts"

/**
 * Whether reads must come from the store itself. Where this is true, everything that remembers objects, parts of them
 * or listings asks the store again and remembers the new answer. False by default.
 */
export const Afresh: Context.Reference<boolean> = Context.Reference("penstock/Afresh", {
  defaultValue: (): boolean => false,
})

/** Called with the name of each object that was read wrongly at first and correctly the second time. */
export const OnSecondRead: Context.Reference<(object: string) => void> = Context.Reference("penstock/OnSecondRead", {
  defaultValue: (): (object: string) => void => () => {},
})

/** Whether an error says that a read gave wrong bytes. False when it gave none. */
const isWrong = (error: unknown): error is { readonly object?: string; readonly name?: string } => {
  if (error instanceof StoreError) return error.reason === "corrupt"
  if (typeof error !== "object" || error === null || !("reason" in error)) return false
  if ("cause" in error && error.cause instanceof StoreError) return isWrong(error.cause)
  return error.reason === "corrupt" || error.reason === "forged" || error.reason === "truncated" ||
    error.reason === "foreign" || error.reason === "newer" || error.reason === "damaged"
}

/**
 * Reads and checks an object, and does so once more, afresh, when it is wrong. `read` must fetch everything that it
 * checks, so that the second time has a chance. Fails with the error of the second time. `wrong` says which other
 * errors are a reason to read again.
 */
export const readTwice = <A, E, R>(
  object: string,
  read: Effect.Effect<A, E, R>,
  wrong: (error: E) => boolean = () => false,
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Afresh, (afresh) =>
    // This read is a second one already.
    afresh
      ? read
      : Effect.catchIf(read, (error) => isWrong(error) || wrong(error), () =>
        Effect.flatMap(OnSecondRead, (told) =>
          Effect.tap(Effect.provideService(read, Afresh, true), () =>
            Effect.sync(() => told(object))))))
