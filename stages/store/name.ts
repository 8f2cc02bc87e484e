/** The checks that every store makes before it does anything, and the errors that all stores give alike. */
import { objectNameProblem, type Range, StoreError, type Whole } from "./store.ts"

/**
 * The directory in which a store of files keeps unfinished writes. No store takes objects in it, so that objects can be
 * copied from any store to any other.
 */
export const TEMPORARY = "tmp"

/** The writer of an unfinished write that is older than this is gone; in milliseconds: one day. */
export const STALE_MS: number = 24 * 60 * 60 * 1000

const invalid = (name: string, message: string): StoreError =>
  new StoreError({ reason: "invalid", object: name, message })

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
 * The error for something that cannot be listed; undefined for `""` and for the name of a directory with a `/` at its
 * end.
 */
export const directoryError = (directory: string): StoreError | undefined =>
  directory === "" ||
    (directory.endsWith("/") && objectNameProblem(directory.slice(0, -1)) === undefined && !isTemporary(directory))
    ? undefined
    : invalid(directory, `"${directory}" cannot be listed: give a directory with a slash at its end`)

/**
 * Where a part of an object of `size` bytes begins, and how long it is. Or the error: `invalid` when it is no range,
 * `corrupt` when it goes beyond either end or the whole object is longer than its limit.
 */
export const resolvePart = (
  name: string,
  location: string,
  size: number,
  part: Range | Whole,
): Range | StoreError =>
  "atMost" in part ? resolveWhole(name, location, size, part) : resolveRange(name, location, size, part)

/** {@link resolvePart} for a whole object. */
export const resolveWhole = (name: string, location: string, size: number, { atMost }: Whole): Range | StoreError =>
  size <= atMost ? { offset: 0, length: size } : tooLong(name, location, size, atMost)

/** {@link resolvePart} for a range. */
export const resolveRange = (name: string, location: string, size: number, range: Range): Range | StoreError => {
  if (!Number.isSafeInteger(range.offset) || !Number.isSafeInteger(range.length) || range.length < 0) {
    return invalid(name, `Cannot read ${range.length} bytes from ${range.offset} of "${name}": not a range`)
  }
  const offset = range.offset < 0 ? size + range.offset : range.offset
  return offset >= 0 && offset + range.length <= size
    ? { offset, length: range.length }
    : tooShort(name, location, size, `${range.length} bytes from ${range.offset}`)
}

/** The error for an object that ends before the range that was asked for. `wanted`: that range, in words. */
export const tooShort = (name: string, location: string, size: number, wanted: string): StoreError =>
  new StoreError({
    reason: "corrupt",
    object: name,
    message: `"${name}" in ${location} has ${size} bytes, too few to read ${wanted}: it may be damaged`,
  })

/** The error for an object that is longer than its kind can be. */
export const tooLong = (name: string, location: string, size: number, atMost: number): StoreError =>
  new StoreError({
    reason: "corrupt",
    object: name,
    message: `"${name}" in ${location} has ${size} bytes, and an object of its kind at most ${atMost}: ` +
      "it is damaged, or was put there by somebody else",
  })

/** The error for an object that does not exist. */
export const notFound = (name: string, location: string, cause?: unknown): StoreError =>
  new StoreError({ reason: "not-found", object: name, message: `"${name}" is not in ${location}`, cause })

/** The error for a create-only write of a name that is taken. */
export const alreadyExists = (name: string, location: string, cause?: unknown): StoreError =>
  new StoreError({ reason: "exists", object: name, message: `"${name}" is already in ${location}`, cause })

/**
 * The error for the use of a writer after its end. `finished`: it was committed. `broken`: an append or the commit
 * failed or was interrupted.
 */
export const writerError = (name: string, state: "finished" | "broken"): StoreError =>
  invalid(
    name,
    state === "finished"
      ? `"${name}" is committed and takes no more bytes`
      : `"${name}" cannot be finished after a failed or interrupted write: start it again`,
  )
