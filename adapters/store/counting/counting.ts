/** Counts the operations of a store, and their bytes. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { makeCounts, type RequestCounts, type StoreCounts } from "./counts.ts"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"

/** A store that counts. */
export interface CountingStore extends ObjectStore {
  /** The counts so far. */
  readonly counts: () => Readonly<StoreCounts>
}

/**
 * The same store, which adds to counts of the caller.
 *
 * @example Count the requests of a store
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { countingInto, makeCounts, memoryStore } from "@penstock/penstock/adapters"
 *
 * const counts = makeCounts()
 * await Effect.runPromise(Effect.gen(function* () {
 *   const store = countingInto(yield* memoryStore.make(), counts)
 *   yield* Effect.ignore(store.stat("DATA/missing"))
 * }))
 * assert.equal(counts.requests.stat, 1)
 * ```
 */
export const countingInto: Decorator<[counts: StoreCounts]> = decorator((store, counts) => {
  const { requests } = counts
  const counted = <A, E, R>(
    kind: keyof RequestCounts,
    effect: Effect.Effect<A, E, R>,
    done: (value: A) => void,
  ): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      requests[kind]++
      return Effect.map(effect, (value) => {
        done(value)
        return value
      })
    })
  const wrote = (bytes: number): void => {
    counts.written++
    counts.bytesWritten += bytes
  }
  return {
    ...store,
    put: (name, parts, options) => counted("put", store.put(name, parts, options), () => wrote(sizeOfParts(parts))),
    create: (name, options) =>
      Effect.map(counted("create", store.create(name, options), () => {}), (writer) => ({
        append: (part) =>
          Effect.suspend(() => {
            const { length } = part
            return counted("append", writer.append(part), () => counts.bytesWritten += length)
          }),
        commit: counted("commit", writer.commit, () => wrote(0)),
      })),
    get: (name, part) =>
      counted("get", store.get(name, part), (bytes) => {
        counts.read++
        counts.bytesRead += bytes.length
      }),
    stat: (name) => counted("stat", store.stat(name), () => {}),
    list: (directory) =>
      Stream.suspend(() => {
        requests.list++
        return store.list(directory)
      }),
    remove: (name) => counted("remove", store.remove(name), () => counts.removed++),
  }
})

/**
 * The same store, with counts of its own.
 *
 * @example Count the bytes that a program writes
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { counting, memoryStore } from "@penstock/penstock/adapters"
 *
 * await Effect.runPromise(Effect.gen(function* () {
 *   const store = counting(yield* memoryStore.make())
 *   yield* store.put("DATA/a", [new Uint8Array(10), new Uint8Array(5)])
 *   assert.equal(store.counts().written, 1)
 *   assert.equal(store.counts().bytesWritten, 15)
 * }))
 * ```
 */
export const counting = (store: ObjectStore): CountingStore => {
  const counts = makeCounts()
  return {
    ...countingInto(store, counts),
    counts: () => ({ ...counts, requests: { ...counts.requests } }),
  }
}
