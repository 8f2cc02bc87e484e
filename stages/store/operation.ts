/** An operation on a store, as error messages name it. */
import { StoreError } from "./store.ts"

/** What was asked of a store. */
export interface Operation {
  /** A verb: `read`, `write`, `list`, `remove`, `open`. */
  readonly doing: string
  /** The object, or the directory that is listed; `""` stands for the whole store. */
  readonly name: string
  /** Where the store is: a path or URL without user, password and query. */
  readonly location: string
}

/** The object and its store, for a message: `"DATA/a" in /backups`. */
export const describeObject = ({ location, name }: Pick<Operation, "location" | "name">): string =>
  name === "" ? location : `"${name}" in ${location}`

/** The error of an operation that failed: `Cannot read "DATA/a" in /backups: ` and `why`. */
export const operationError = (
  operation: Operation,
  reason: StoreError["reason"],
  why: string,
  more: { readonly cause?: unknown; readonly retryAfter?: number } = {},
): StoreError =>
  new StoreError({
    reason,
    object: operation.name,
    message: `Cannot ${operation.doing} ${describeObject(operation)}: ${why}`,
    ...more,
  })
