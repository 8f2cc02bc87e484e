/** The directory for temporary files, for data that is too large for memory while a command runs. */
import { tmpdir } from "node:os"

/** The directory for temporary files: `TMPDIR`, or the default of the system. */
export const scratchDirectory = (): string => tmpdir()

const WHY: Readonly<Record<string, string>> = {
  ENOENT: "it is not there",
  ENOTDIR: "it is not a directory",
  EACCES: "no file may be made in it",
  EPERM: "no file may be made in it",
  EROFS: "its file system is read-only",
  ENOSPC: "it is full",
  EDQUOT: "its quota is used up",
}

/**
 * A sentence that says that `what` (such as `a database`) cannot be kept there, why, and what to do. `why`: a code of
 * the system such as `ENOSPC`, or words.
 */
export const scratchProblem = (what: string, why: string): string =>
  `Cannot keep ${what} in ${scratchDirectory()}, the directory for temporary files: ${WHY[why] ?? why}; ` +
  "set TMPDIR to a directory with enough room"

/** The same sentence for an error of the system. */
export const scratchError = (what: string, cause: unknown): string => {
  const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown }
  return scratchProblem(what, typeof code === "string" && code in WHY ? code : String(message ?? cause))
}
