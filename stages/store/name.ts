/** The names that objects and directories may have. Every store checks them before it does anything. */
import { invalid } from "./errors.ts"
import { objectNameProblem, type StoreError } from "./store.ts"

/**
 * The directory in which a store of files keeps unfinished writes. No store takes objects in it, so that objects can be
 * copied from any store to any other.
 */
export const TEMPORARY = "tmp"

/** The writer of an unfinished write that is older than this is gone; in milliseconds: one day. */
export const STALE_MS: number = 24 * 60 * 60 * 1000

const isTemporary = (name: string): boolean => name.split("/", 1)[0]!.toLowerCase() === TEMPORARY

/**
 * The error for a name that no object can have; undefined for other names. `tmp` is refused in capital letters, too,
 * because some file systems do not tell them apart.
 */
export const nameError = (name: string): StoreError | undefined => {
  const problem = objectNameProblem(name)
  if (problem !== undefined) return invalid(name, problem)
  return isTemporary(name)
    ? invalid(name, `"${name}" cannot be the name of an object: "${TEMPORARY}" is kept for unfinished writes`)
    : undefined
}

/**
 * The error for what is not the name of a directory; undefined for `""` and for the name of a directory with a `/` at
 * its end.
 */
export const directoryError = (directory: string): StoreError | undefined =>
  directory === "" ||
    (directory.endsWith("/") && objectNameProblem(directory.slice(0, -1)) === undefined && !isTemporary(directory))
    ? undefined
    : invalid(directory, `"${directory}" is not the name of a directory: give one with a slash at its end`)
