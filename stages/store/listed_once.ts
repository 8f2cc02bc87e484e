import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Afresh } from "./second_read.ts"
import type { ObjectStore } from "./store.ts"

/**
 * The same store, which lists a directory once, when it is first asked to, and remembers the answer: for several that
 * look for objects of their kind in it at about the same time. What comes later is not in it, unless it is asked for
 * afresh.
 */
export const listedOnce = (store: ObjectStore, directory: string): Effect.Effect<ObjectStore> =>
  Effect.map(Effect.cached(Effect.suspend(() => Stream.runCollect(store.list(directory)))), (listing): ObjectStore => {
    const list: ObjectStore["list"] = (wanted) =>
      wanted !== directory
        ? store.list(wanted)
        : Stream.unwrap(Effect.flatMap(Afresh, (afresh) =>
          afresh ? Effect.succeed(store.list(directory)) : Effect.map(listing, Stream.fromArray)))
    return { ...store, list }
  })
