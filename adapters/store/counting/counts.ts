/** What is counted of the use of a store. */

/** Calls of a store, by kind; `append` and `commit` are those of writers. What failed is counted too. */
export type RequestCounts = Record<
  "put" | "create" | "append" | "commit" | "get" | "stat" | "list" | "remove",
  number
>

/** Counts; of what succeeded, unless it is said otherwise. They are written to as long as a store uses them. */
export interface StoreCounts {
  /** Requests by kind. */
  readonly requests: RequestCounts
  /** Requests that were made again; counted by who makes them. */
  retries: number
  /** Objects put or committed. */
  written: number
  /** Bytes put or appended. */
  bytesWritten: number
  /** Calls of `get`. */
  read: number
  /** Bytes that were received. */
  bytesRead: number
  /** Objects that were removed. */
  removed: number
}

/** Counts that are zero. */
export const makeCounts = (): StoreCounts => ({
  requests: { put: 0, create: 0, append: 0, commit: 0, get: 0, stat: 0, list: 0, remove: 0 },
  ...{ retries: 0, written: 0, bytesWritten: 0, read: 0, bytesRead: 0, removed: 0 },
})

/** Requests of all kinds. */
export const totalRequests = ({ requests }: StoreCounts): number =>
  Object.values(requests).reduce((sum, count) => sum + count, 0)
