/**
 * The one way to declare an error here: an interface, and a constant that makes it.
 *
 * JSR refuses a class that extends a call expression, so an error is not a class of its own:
 * `interface StoreError extends TaggedErrorInstance<"StoreError", StoreErrorFields> {}`, then
 * `const StoreError: new (fields: StoreErrorFields) => StoreError = taggedError("StoreError")`.
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"

/**
 * Fields that every tagged error has. `name` and `stack` belong to `Error`, and tools print them, so no field may hide
 * them.
 */
export interface ErrorFields {
  /** One sentence that names the thing and, where there is one, the way out. */
  readonly message: string
  /** Belongs to `Error`. */
  readonly name?: never
  /** Belongs to `Error`. */
  readonly stack?: never
}

/** A tagged error: an `Error` that an Effect can fail with and `Effect.catchTag` can catch. */
export type TaggedErrorInstance<Tag extends string, Fields extends ErrorFields> =
  & Cause.YieldableError
  & { readonly _tag: Tag }
  & Readonly<Fields>

/**
 * Makes the constructor of a tagged error. A field named `cause` becomes the `cause` of the `Error`.
 *
 * @example Declare an error of your own
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import type { TaggedErrorInstance } from "@penstock/penstock"
 * import { taggedError } from "@penstock/penstock/format"
 *
 * interface TapeErrorFields {
 *   readonly tape: number
 *   readonly message: string
 * }
 * interface TapeError extends TaggedErrorInstance<"TapeError", TapeErrorFields> {}
 * const TapeError: new (fields: TapeErrorFields) => TapeError = taggedError("TapeError")
 *
 * const read = Effect.fail(new TapeError({ tape: 3, message: "Tape 3 is torn" }))
 * const told = Effect.catchTag(read, "TapeError", ({ tape }) => Effect.succeed(`replace tape ${tape}`))
 * assert.equal(await Effect.runPromise(told), "replace tape 3")
 * ```
 */
export const taggedError = <
  Tag extends string,
  Fields extends ErrorFields,
  Self extends TaggedErrorInstance<Tag, Fields>,
>(tag: Tag): new (fields: Fields) => Self => Data.TaggedError(tag) as never
