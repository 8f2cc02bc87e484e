/** The objects of a store, taken out of it and put into another. */
import { Effect, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { ObjectStore, StoreError } from "../../../stages/store/store.ts"

/** Objects by name, sorted. */
export type Objects = ReadonlyMap<string, Uint8Array>

/** All objects of a store. */
export const objectsOf = (store: ObjectStore): Effect.Effect<Map<string, Uint8Array>, StoreError> =>
  Effect.gen(function* () {
    const objects: Array<readonly [string, Uint8Array]> = []
    for (const { name } of yield* Stream.runCollect(store.list(""))) {
      objects.push([name, yield* store.get(name, { atMost: Infinity })])
    }
    return new Map(objects.sort(([a], [b]) => a < b ? -1 : 1))
  })

/** A new store in memory with some objects. */
export const storeOf = (objects: Objects): Effect.Effect<ObjectStore, StoreError> =>
  Effect.gen(function* () {
    const store = yield* memoryStore.make()
    for (const [name, bytes] of objects) yield* store.put(name, [bytes])
    return store
  })

/** A new store in memory with the objects of another, and their content types. */
export const copyOf = (original: ObjectStore): Effect.Effect<ObjectStore, StoreError> =>
  Effect.gen(function* () {
    const copy = yield* memoryStore.make()
    for (const { name } of yield* Stream.runCollect(original.list(""))) {
      const { contentType } = yield* original.stat(name)
      const bytes = yield* original.get(name, { atMost: Infinity })
      yield* copy.put(name, [bytes], contentType === undefined ? {} : { contentType })
    }
    return copy
  })
