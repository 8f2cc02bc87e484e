/** Failures that the command itself finds. */
import { taggedError, type TaggedErrorInstance } from "../../stages/kernel/tagged_error.ts"

/** Fields of a `UsageError`. */
export interface UsageErrorFields {
  /** One sentence for the user: what is wrong, and the way out. */
  readonly message: string
  /** Exit code, when it is not 1. */
  readonly exitCode?: number
}
/** The command was asked for something that it cannot do. */
export interface UsageError extends TaggedErrorInstance<"UsageError", UsageErrorFields> {}
/**
 * Makes {@linkcode UsageError}s.
 *
 * @example Refuse arguments with a message and exit code 1
 * ```ts
 * import assert from "node:assert"
 * import { UsageError } from "@penstock/penstock/cli"
 *
 * const error = new UsageError({ message: "--keep is not a number: give one, such as --keep 7" })
 * assert.equal(error._tag, "UsageError")
 * ```
 */
export const UsageError: new (fields: UsageErrorFields) => UsageError = taggedError("UsageError")
