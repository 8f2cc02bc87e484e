/** Failures that the command itself finds. */
import { taggedError, type TaggedErrorInstance } from "../../stages/kernel/tagged_error.ts"

/** Fields of a `UsageError`. */
export interface UsageErrorFields {
  readonly message: string
  /** Exit code, when it is not 1. */
  readonly exitCode?: number
}
/** The command was asked for something that it cannot do. */
export interface UsageError extends TaggedErrorInstance<"UsageError", UsageErrorFields> {}
/** Makes {@linkcode UsageError}s. */
export const UsageError: new (fields: UsageErrorFields) => UsageError = taggedError("UsageError")
