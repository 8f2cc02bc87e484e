/** Ways to open a repository, and the errors of that. */
import type { FormatError } from "../../formats/error.ts"
import type { UsageError } from "../process/usage_error.ts"

/**
 * - `open`: it must exist. Fails with `none`.
 * - `create`: it must not exist. Fails with `exists`.
 * - `either`: it is made if it does not exist.
 */
export type OpenMode = "open" | "create" | "either"

/** What may go wrong before a repository is open. */
export type OpenError = FormatError | UsageError
