/** Counts of the use of a store. */

/** The number of calls by kind, failed ones included. `append` and `commit` are those of writers. */
export type RequestCounts = Record<
  "put" | "create" | "append" | "commit" | "get" | "stat" | "list" | "remove",
  number
>

/**
 * The counts of a store, which changes them as long as it is used. Failed operations count in `requests` only.
 */
export interface StoreCounts {
  /** Requests by kind. */
  readonly requests: RequestCounts
  /** Requests that were made again. `openStore` and `surround` count them. */
  retries: number
  /** Objects that were put or committed. */
  written: number
  /** Bytes that were put or appended. */
  bytesWritten: number
  /** Successful calls of `get`. */
  read: number
  /** Bytes that `get` gave. */
  bytesRead: number
  /** Objects that were removed. */
  removed: number
}

/**
 * New counts, all zero.
 *
 * @example Count what two stores do together
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { countingInto, makeCounts, memoryStore } from "@penstock/penstock/adapters"
 *
 * const counts = makeCounts()
 * await Effect.runPromise(Effect.gen(function* () {
 *   for (const name of ["DATA/a", "DATA/b"]) {
 *     const store = countingInto(yield* memoryStore.make(), counts)
 *     yield* store.put(name, [new Uint8Array(10)])
 *   }
 * }))
 * assert.equal(counts.bytesWritten, 20)
 * ```
 */
export const makeCounts = (): StoreCounts => ({
  requests: { put: 0, create: 0, append: 0, commit: 0, get: 0, stat: 0, list: 0, remove: 0 },
  ...{ retries: 0, written: 0, bytesWritten: 0, read: 0, bytesRead: 0, removed: 0 },
})

/** The number of requests of all kinds. */
export const totalRequests = ({ requests }: StoreCounts): number =>
  Object.values(requests).reduce((sum, count) => sum + count, 0)
