/**
 * The one way errors are declared here: tagged classes with a typed field list.
 *
 * JSR refuses a class that extends a call expression, so each module names its base first:
 * `const Base: TaggedErrorClass<"StoreError", Fields> = taggedError("StoreError")`, then
 * `class StoreError extends Base {}`.
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"

/** What an instance of a tagged error looks like. */
export type TaggedErrorInstance<Tag extends string, Fields> =
  & Cause.YieldableError
  & { readonly _tag: Tag }
  & Readonly<Fields>

/**
 * Fields of a tagged error. `message` is one sentence that names the thing and, where there is one, the way out.
 * `cause` is what an Error's is. `name` and `stack` are an Error's own, which tools print: no field may hide them.
 */
export interface ErrorFields {
  readonly message: string
  readonly name?: never
  readonly stack?: never
}

/** Constructor of a tagged error. */
export type TaggedErrorClass<Tag extends string, Fields extends ErrorFields> = new (
  fields: Fields,
) => TaggedErrorInstance<Tag, Fields>

/** Makes the base class of a tagged error. */
export const taggedError = <Tag extends string, Fields extends ErrorFields>(
  tag: Tag,
): TaggedErrorClass<Tag, Fields> => Data.TaggedError(tag) as never
