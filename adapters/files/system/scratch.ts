/** The directory for temporary files: what cannot be held in memory lies there for as long as a command runs. */
import { tmpdir } from "node:os"

/** `TMPDIR`, or what the system uses without it. */
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
 * One sentence that says that `what` (`a database`) cannot be kept there, and what to do. `why`: a code of the system,
 * or words.
 */
export const scratchProblem = (what: string, why: string): string =>
  `Cannot keep ${what} in ${scratchDirectory()}, the directory for temporary files: ${WHY[why] ?? why}; ` +
  "set TMPDIR to a directory with enough room"

/** The same for what the system throws. */
export const scratchError = (what: string, cause: unknown): string => {
  const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown }
  return scratchProblem(what, typeof code === "string" && code in WHY ? code : String(message ?? cause))
}
