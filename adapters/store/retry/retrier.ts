/** When to try again, for how long, and what is told meanwhile. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { StoreError } from "../../../stages/store/store.ts"

/** How long and when to try again. */
export interface RetryOptions {
  /** Wait before the second try; doubles with each. 200 ms by default. All waits vary by 20% either way. */
  readonly base?: Duration.Input
  /** The longest wait that the store does not ask for itself. 30 s by default. */
  readonly longest?: Duration.Input
  /**
   * How long an operation is tried in all, counted from its start or the last that came of it. 10 minutes by default.
   */
  readonly within?: Duration.Input
  /**
   * How long the store is tried as long as it has never answered, all operations together, counted from the start of the
   * first that failed: then it is likely that its name is wrong. 1 minute by default.
   */
  readonly withinAtFirst?: Duration.Input
  /** Run before each wait. */
  readonly onRetry?: (retry: Retry) => Effect.Effect<void>
}

/** A try that failed, with another to come. */
export interface Retry {
  /** Why the last try failed. */
  readonly error: StoreError
  /** Tries so far. */
  readonly tries: number
  /** Milliseconds since the first. */
  readonly tried: number
  /** Milliseconds until the next. */
  readonly wait: number
}

/** The tries of one operation. */
export interface Tries {
  /** Waits before the next one, or fails with what there is to tell when there is none. */
  readonly failed: (error: StoreError) => Effect.Effect<void, StoreError>
  /** Something came of it: what fails from now on is counted anew. */
  readonly progressed: Effect.Effect<void>
}

/** Decides about tries. */
export interface Retrier {
  /** Fails at once when the store has been given up. */
  readonly start: Effect.Effect<Tries, StoreError>
}

/** Errors that have been tried for as long as it is worth; who is asked again about one does not start over. */
const spent = new WeakSet<StoreError>()

/**
 * A retrier for one store: it learns whether the store has ever answered. A store that has not, or has not answered
 * anything else while an operation was tried in vain, is given up: all that is asked of it from then on fails with what
 * that operation failed with.
 */
export const makeRetrier = (options: RetryOptions = {}): Retrier => {
  const base = Duration.toMillis(options.base ?? "200 millis")
  const longest = Duration.toMillis(options.longest ?? "30 seconds")
  const within = Duration.toMillis(options.within ?? "10 minutes")
  const withinAtFirst = Math.min(within, Duration.toMillis(options.withinAtFirst ?? "1 minute"))
  /** When it last answered, and since when it has been tried in vain if it never has. */
  let answered: number | undefined
  let unanswered: number | undefined
  let lost: StoreError | undefined
  const unlessLost = Effect.suspend(() => lost === undefined ? Effect.void : Effect.fail(lost))
  return {
    start: Effect.map(Effect.andThen(unlessLost, Clock.currentTimeMillis), (now) => {
      let start = now
      let tries = 0
      return {
        failed: Effect.fnUntraced(function* (error) {
          const now = yield* Clock.currentTimeMillis
          if (error.reason !== "unavailable") {
            // What is not valid is refused without asking the store.
            if (error.reason !== "invalid") answered = now
            return yield* error
          }
          if (spent.has(error)) return yield* error
          tries++
          unanswered ??= start
          const tried = now - (answered === undefined ? unanswered : start)
          const left = (answered === undefined ? withinAtFirst : within) - tried
          if (left < 1) {
            const last = tries === 1 ? spend(error) : gaveUp(error, tries, tried)
            if (within > 0 && (answered === undefined || answered <= start)) lost = last
            return yield* last
          }
          const backoff = Math.min(base * 2 ** (tries - 1), longest) * (0.8 + 0.4 * (yield* Random.next))
          const asked = (error.retryAfter ?? 0) * (1 + 0.2 * (yield* Random.next))
          const wait = Math.ceil(Math.min(Math.max(backoff, asked), left))
          if (options.onRetry !== undefined) yield* options.onRetry({ error, tries, tried, wait })
          yield* Effect.sleep(wait)
          yield* unlessLost
        }),
        progressed: Effect.map(Clock.currentTimeMillis, (now) => {
          answered = now
          start = now
          tries = 0
        }),
      }
    }),
  }
}

const spend = (error: StoreError): StoreError => {
  spent.add(error)
  return error
}

const gaveUp = ({ cause, message, object }: StoreError, tries: number, tried: number): StoreError =>
  spend(
    new StoreError({
      reason: "unavailable",
      object,
      message: `${message}; gave up after ${tries} tries in ${showTime(tried)}`,
      cause,
    }),
  )

const showTime = (milliseconds: number): string => {
  const seconds = Math.round(milliseconds / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`
}

/**
 * Decides about the steps within an operation of a store, see {@link retrying}. The decorator `retry` provides it for
 * each operation; without that, nothing is tried again.
 */
export const StepRetrier: Context.Reference<Retrier> = Context.Reference("penstock/adapters/store/StepRetrier", {
  defaultValue: () => makeRetrier({ within: 0 }),
})

/** Runs an operation until it succeeds, fails for good, or was tried long enough. */
export const retryingWith = <A, R>(
  retrier: Retrier,
  effect: Effect.Effect<A, StoreError, R>,
): Effect.Effect<A, StoreError, R> =>
  Effect.flatMap(retrier.start, (tries) => repeated(tries, Effect.tap(effect, tries.progressed)))

/** The same for opening a store. That it is open does not say that it answered: many ask nothing until they are used. */
export const openingWith = <A, R>(
  retrier: Retrier,
  effect: Effect.Effect<A, StoreError, R>,
): Effect.Effect<A, StoreError, R> => Effect.flatMap(retrier.start, (tries) => repeated(tries, effect))

const repeated = <A, R>(tries: Tries, effect: Effect.Effect<A, StoreError, R>): Effect.Effect<A, StoreError, R> => {
  const again: Effect.Effect<A, StoreError, R> = Effect.catch(
    effect,
    (error) => Effect.andThen(tries.failed(error), again),
  )
  return again
}

/**
 * For stores: runs a step of an operation again while it fails with `unavailable`, as the decorator `retry` around the
 * store is told to. For what makes up one operation of the port, so that little is lost with a connection: a part of a
 * large upload, a page of a listing, the last request of a commit. The step must do no harm when it is done twice.
 */
export const retrying = <A, R>(effect: Effect.Effect<A, StoreError, R>): Effect.Effect<A, StoreError, R> =>
  Effect.flatMap(StepRetrier, (retrier) => retryingWith(retrier, effect))
