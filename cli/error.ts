/** Failures that the command itself finds, and the exit codes that scripts depend on. */
import { taggedError, type TaggedErrorClass } from "../stages/kernel/catching.ts"

interface UsageErrorFields {
  readonly message: string
  /** Exit code, when it is not 1. */
  readonly exitCode?: number
}
const UsageErrorBase: TaggedErrorClass<"UsageError", UsageErrorFields> = taggedError("UsageError")
/** The command was asked for something that it cannot do. */
export class UsageError extends UsageErrorBase {}
