/** The errors that all stores give alike. */
import { StoreError } from "./store.ts"

/** The error for a name or a range that no store takes. */
export const invalid = (name: string, message: string): StoreError =>
  new StoreError({ reason: "invalid", object: name, message })

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
