/**
 * What a store answers while a repository is recognised is asked again when that is opened, at once: a request each
 * that can be spared.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { Afresh } from "./second_read.ts"
import type { ObjectStore, Range, StoreError, Whole } from "./store.ts"

/** A store, twice. */
export interface AskedOnce {
  /** Remembers what is read, and that an object is not there. */
  readonly first: ObjectStore
  /** Gives each of these answers once, and then asks again; what was written is not remembered. */
  readonly then: ObjectStore
  /** Nothing is remembered from then on. */
  readonly forget: Effect.Effect<void>
}

/** For small objects and parts: all that is read by `first` is in memory until it is asked for. */
export const askedOnce = (store: ObjectStore): AskedOnce => {
  const answers = new Map<string, Exit.Exit<unknown, StoreError>>()
  const keep = <A>(key: string, effect: Effect.Effect<A, StoreError>, copy: (answer: A) => A) =>
    Effect.onExit(effect, (exit) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit)) answers.set(key, Exit.succeed(copy(exit.value)))
        else if (Exit.findErrorOption(exit).pipe(Option.exists(({ reason }) => reason === "not-found"))) {
          answers.set(key, exit)
        }
      }))
  const once = <A>(key: string, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    Effect.flatMap(Afresh, (afresh) => {
      const answer = answers.get(key) as Exit.Exit<A, StoreError> | undefined
      answers.delete(key)
      return afresh || answer === undefined ? effect : answer
    })
  const forget = Effect.sync(() => answers.clear())
  const getKey = (name: string, part: Range | Whole): string =>
    "atMost" in part ? `get ${name} at most ${part.atMost}` : `get ${name} ${part.offset} ${part.length}`
  const statKey = (name: string): string => `stat ${name}`
  return {
    first: {
      ...store,
      get: (name, part) => keep(getKey(name, part), store.get(name, part), (bytes) => bytes.slice()),
      stat: (name) => keep(statKey(name), store.stat(name), (info) => info),
    },
    then: {
      ...store,
      get: (name, part) => once(getKey(name, part), store.get(name, part)),
      stat: (name) => once(statKey(name), store.stat(name)),
      put: (name, parts, how) => Effect.andThen(forget, store.put(name, parts, how)),
      create: (name, how) => Effect.andThen(forget, store.create(name, how)),
      remove: (name) => Effect.andThen(forget, store.remove(name)),
    },
    forget,
  }
}
