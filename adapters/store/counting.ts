/** Counts what passes to and from a store. */
import * as Effect from "effect/Effect"
import type { ObjectStore } from "../../stages/pack/store.ts"
import { sizeOfParts } from "./parts.ts"

/** Counts of what succeeded. */
export interface StoreCounts {
  /** Objects put or committed. */
  readonly written: number
  /** Bytes of those objects; of writers, when they commit. */
  readonly bytesWritten: number
  /** Calls of `get`. */
  readonly read: number
  readonly bytesRead: number
  readonly removed: number
}

/** A store that counts. */
export interface CountingStore extends ObjectStore {
  /** The counts so far. */
  readonly counts: () => StoreCounts
}

/** The same store, with counts. */
export const counting = (store: ObjectStore): CountingStore => {
  const counts = { written: 0, bytesWritten: 0, read: 0, bytesRead: 0, removed: 0 }
  const written = (bytes: number): void => {
    counts.written++
    counts.bytesWritten += bytes
  }
  return {
    ...store,
    counts: () => ({ ...counts }),
    put: (name, parts, options) =>
      Effect.tap(
        store.put(name, parts, options),
        () => Effect.sync(() => written(sizeOfParts(parts))),
      ),
    create: (name, options) =>
      Effect.map(store.create(name, options), (writer) => {
        let bytes = 0
        return {
          append: (part) =>
            Effect.suspend(() => {
              const { length } = part
              return Effect.tap(writer.append(part), () => Effect.sync(() => bytes += length))
            }),
          commit: Effect.tap(writer.commit, () => Effect.sync(() => written(bytes))),
        }
      }),
    get: (name, range) =>
      Effect.tap(store.get(name, range), (bytes) =>
        Effect.sync(() => {
          counts.read++
          counts.bytesRead += bytes.length
        })),
    remove: (name) => Effect.tap(store.remove(name), () => Effect.sync(() => counts.removed++)),
  }
}
