/** Decides when an operation is tried again, and for how long. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { StoreError } from "../../../stages/store/store.ts"

/** When to try again, and for how long. */
export interface RetryOptions {
  /** The wait before the second try. It doubles with each try, and varies by 20% either way. 200 ms by default. */
  readonly base?: Duration.Input
  /** The longest wait, unless the store asks for a longer one. 30 s by default. */
  readonly longest?: Duration.Input
  /**
   * How long an operation is tried in all, counted from its start or its last progress. 10 minutes by default.
   */
  readonly within?: Duration.Input
  /**
   * How long a store is tried that has never answered, by all operations together, counted from the start of the first
   * one that failed. Its name is probably wrong. 1 minute by default.
   */
  readonly withinAtFirst?: Duration.Input
  /** Runs before each wait. */
  readonly onRetry?: (retry: Retry) => Effect.Effect<void>
}

/** A try that failed and will be repeated. */
export interface Retry {
  /** Why the last try failed. */
  readonly error: StoreError
  /** Tries so far. */
  readonly tries: number
  /** Milliseconds since the first try. */
  readonly tried: number
  /** Milliseconds until the next try. */
  readonly wait: number
}

/** The tries of one operation. */
export interface Tries {
  /** Waits for the next try, or fails if there is none. */
  readonly failed: (error: StoreError) => Effect.Effect<void, StoreError>
  /** Records progress: the time and the tries are counted anew from now on. */
  readonly progressed: Effect.Effect<void>
}

/** Decides about the tries of one store. */
export interface Retrier {
  /** Starts an operation. Fails at once if the store has been given up. */
  readonly start: Effect.Effect<Tries, StoreError>
}

/**
 * The errors of operations that were given up. A step of an operation may fail with one, and the operation around it
 * must not start over. Errors are compared by identity and may come from any store, so the set belongs to the module.
 * It keeps no error alive.
 */
const spent = new WeakSet<StoreError>()

/**
 * A retrier for one store, which learns whether the store has ever answered. The store is given up if it has never
 * answered, or gave no answer to any operation while one was tried in vain. From then on all operations fail with the
 * error of that one.
 */
export const makeRetrier = (options: RetryOptions = {}): Retrier => {
  const base = Duration.toMillis(options.base ?? "200 millis")
  const longest = Duration.toMillis(options.longest ?? "30 seconds")
  const within = Duration.toMillis(options.within ?? "10 minutes")
  const withinAtFirst = Math.min(within, Duration.toMillis(options.withinAtFirst ?? "1 minute"))
  /** When the store last answered. */
  let answered: number | undefined
  /** When the first operation that failed began, for a store that has never answered. */
  let unanswered: number | undefined
  /** The error of a store that is given up. */
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
            // An invalid request is refused without asking the server.
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

/** Marks an error as one that must not be tried again. */
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
 * The retrier for the steps of an operation, see {@link retrying}. The decorator `retry` provides its own. Without it
 * nothing is tried again.
 */
export const StepRetrier: Context.Reference<Retrier> = Context.Reference("penstock/adapters/store/StepRetrier", {
  defaultValue: () => makeRetrier({ within: 0 }),
})

/** Runs an operation until it succeeds, fails for good, or has been tried long enough. */
export const retryingWith = <A, R>(
  retrier: Retrier,
  effect: Effect.Effect<A, StoreError, R>,
): Effect.Effect<A, StoreError, R> =>
  Effect.flatMap(retrier.start, (tries) => repeated(tries, Effect.tap(effect, tries.progressed)))

/** The same for opening a store. Success does not count as an answer, because many stores open without a request. */
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
 * For authors of stores: repeats a step of an operation while it fails with `unavailable`, as the decorator `retry`
 * around the store is told to. Steps are, for example, a part of a large upload, a page of a listing, or the last
 * request of a commit. So a broken connection costs one step and not the whole operation. Running the step twice must
 * do no harm.
 *
 * @example Repeat one page of a listing
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { StoreError } from "@penstock/penstock"
 * import { memoryStore, retry, retrying } from "@penstock/penstock/adapters"
 *
 * let requests = 0
 * const page = Effect.suspend(() =>
 *   ++requests < 3
 *     ? Effect.fail(new StoreError({ reason: "unavailable", object: "", message: "The connection broke" }))
 *     : Effect.succeed({ name: "DATA/a", size: 3 })
 * )
 * await Effect.runPromise(Effect.gen(function* () {
 *   const inner = { ...(yield* memoryStore.make()), stat: () => retrying(page) }
 *   const store = retry(inner, { base: "1 millis" })
 *   assert.equal((yield* store.stat("DATA/a")).size, 3)
 * }))
 * assert.equal(requests, 3)
 * ```
 */
export const retrying = <A, R>(effect: Effect.Effect<A, StoreError, R>): Effect.Effect<A, StoreError, R> =>
  Effect.flatMap(StepRetrier, (retrier) => retryingWith(retrier, effect))
