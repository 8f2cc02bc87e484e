import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Afresh } from "./second_read.ts"
import type { ObjectStore } from "./store.ts"

/**
 * The same store, but it lists `directory` only once and remembers the answer. Several readers that look for different
 * objects in it at about the same time then share one listing. Objects that are added later are missing in it, unless
 * the listing is asked for afresh (see {@link Afresh}).
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
