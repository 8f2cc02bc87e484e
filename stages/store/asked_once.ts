/**
 * A repository is first recognised and then opened, and both ask the store the same questions. This saves the second
 * request for each.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { Afresh } from "./second_read.ts"
import type { ObjectStore, Range, StoreError, Whole } from "./store.ts"

/** Two views of one store: one to recognise a repository with, one to open it with. */
export interface AskedOnce {
  /** Remembers what is read, and which objects do not exist. */
  readonly first: ObjectStore
  /** Gives each remembered answer once, then asks the store again. A write forgets all answers. */
  readonly then: ObjectStore
  /** Forgets all answers. */
  readonly forget: Effect.Effect<void>
}

/**
 * Makes both views. Meant for small objects and parts: everything that `first` reads stays in memory until `then` is
 * asked for it.
 */
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
