/** Errors of a repository that is read, while what it gives is written to another. */
import type { FormatError } from "./error.ts"

/** An error of the source. The target passes it on as it does any error of a stream, so the two cannot be mixed up. */
export interface ReadFailure {
  readonly _tag: "ReadFailure"
  readonly error: FormatError
}

/** Marks an error as one of the source. */
export const readFailure = (error: FormatError): ReadFailure => ({ _tag: "ReadFailure", error })
