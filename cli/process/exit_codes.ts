/** Exit codes. They are those of restic where it has one. Scripts depend on them. */
import * as Cause from "effect/Cause"

/**
 * Done.
 *
 * @example Succeed
 * ```ts
 * import { EXIT_OK } from "@penstock/penstock/cli"
 * import assert from "node:assert/strict"
 *
 * assert.equal(EXIT_OK, 0)
 * ```
 */
export const EXIT_OK = 0
/**
 * The command failed, its arguments are wrong, or something is damaged.
 *
 * @example Fail
 * ```ts
 * import { EXIT_FAILURE } from "@penstock/penstock/cli"
 * import assert from "node:assert/strict"
 *
 * assert.equal(EXIT_FAILURE, 1)
 * ```
 */
export const EXIT_FAILURE = 1
/**
 * The command is done, but something could not be read or was not found.
 *
 * @example Say that some files could not be read
 * ```ts
 * import { EXIT_INCOMPLETE } from "@penstock/penstock/cli"
 * import assert from "node:assert/strict"
 *
 * assert.equal(EXIT_INCOMPLETE, 3)
 * ```
 */
export const EXIT_INCOMPLETE = 3
/**
 * There is no repository.
 *
 * @example Say that there is no repository
 * ```ts
 * import { EXIT_NO_REPOSITORY } from "@penstock/penstock/cli"
 * import assert from "node:assert/strict"
 *
 * assert.equal(EXIT_NO_REPOSITORY, 10)
 * ```
 */
export const EXIT_NO_REPOSITORY = 10
/**
 * Wrong password or key.
 *
 * @example Say that the password is wrong
 * ```ts
 * import { EXIT_WRONG_KEY } from "@penstock/penstock/cli"
 * import assert from "node:assert/strict"
 *
 * assert.equal(EXIT_WRONG_KEY, 12)
 * ```
 */
export const EXIT_WRONG_KEY = 12
/**
 * A signal interrupted the command.
 *
 * @example Say that a signal came
 * ```ts
 * import { EXIT_INTERRUPTED } from "@penstock/penstock/cli"
 * import assert from "node:assert/strict"
 *
 * assert.equal(EXIT_INTERRUPTED, 130)
 * ```
 */
export const EXIT_INTERRUPTED = 130

/** How a failed command ends: its exit code and the message for the user. There is no message after an interruption. */
export interface Ending {
  readonly code: number
  readonly message?: string
}

/**
 * The exit code and message of whatever ended a command. It asks for tags instead of classes, because the modules that
 * declare the errors are loaded only by the commands that can raise them.
 */
export const endingOf = (cause: Cause.Cause<unknown>): Ending => {
  if (Cause.hasInterruptsOnly(cause)) return { code: EXIT_INTERRUPTED }
  const error = Cause.squash(cause)
  const { _tag: tag, reason, message, exitCode } = fieldsOf(error)
  if (tag === "ShowHelp") return { code: EXIT_FAILURE }
  if (tag === "UsageError") return { code: exitCode ?? EXIT_FAILURE, message: message! }
  if (tag !== undefined && message) {
    const code = tag !== "RepositoryError"
      ? EXIT_FAILURE
      : reason === "none"
      ? EXIT_NO_REPOSITORY
      : reason === "wrong-key"
      ? EXIT_WRONG_KEY
      : EXIT_FAILURE
    return { code, message }
  }
  const what = error instanceof Error ? error.message : String(error)
  return { code: EXIT_FAILURE, message: `A bug in penstock: ${what} (--debug shows where; please report it)` }
}

const fieldsOf = (
  error: unknown,
): {
  readonly _tag?: string
  readonly reason?: string
  readonly message?: string
  readonly exitCode?: number
} => typeof error === "object" && error !== null ? error : {}
