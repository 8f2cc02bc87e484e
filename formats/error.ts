/** Errors of repositories: what they are, and how errors of stages and stores become them. */
import { taggedError, type TaggedErrorInstance } from "../stages/kernel/tagged_error.ts"
import type { KernelError } from "../stages/kernel/kernel.ts"
import { StoreError } from "../stages/store/store.ts"
import { concernsObject } from "../stages/store/unreadable.ts"
import type { SqliteError } from "../stages/catalog/sqlite/sqlite.ts"

/** Fields of a `RepositoryError`. */
export interface RepositoryErrorFields {
  /**
   * `none`: there is no repository. `exists`: there is one already. `wrong-key`: no password, recipient or key fits.
   * `unused-secret`: a secret is given that this repository has no use for; what is stored may be another's, or in the
   * clear. `corrupt`: what is stored is damaged, altered or missing. `newer`: written by a later version. `foreign`:
   * another format. `unknown-snapshot`: no snapshot of that ID. `unsupported`: this format cannot do that. `scratch`:
   * this machine has no room for the databases that the work needs, or nowhere to put them; nothing is wrong with the
   * repository.
   */
  readonly reason:
    | "none"
    | "exists"
    | "wrong-key"
    | "unused-secret"
    | "corrupt"
    | "newer"
    | "foreign"
    | "unknown-snapshot"
    | "unsupported"
    | "scratch"
  /** The object concerned, when it is one. */
  readonly object?: string
  /** One sentence that names the repository or the object. */
  readonly message: string
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** A repository cannot be used as asked. */
export interface RepositoryError extends TaggedErrorInstance<"RepositoryError", RepositoryErrorFields> {}
/** Makes {@linkcode RepositoryError}s. */
export const RepositoryError: new (fields: RepositoryErrorFields) => RepositoryError = taggedError(
  "RepositoryError",
)

/** Whatever may go wrong with a repository. */
export type FormatError = RepositoryError | StoreError

/** An object that is damaged, altered or missing. */
export const corrupt = (object: string, message: string, cause?: unknown): RepositoryError =>
  new RepositoryError({ reason: "corrupt", object, message, cause })

/** Kernels fail while writing only for want of support. */
export const fromKernelError = (error: KernelError): RepositoryError =>
  new RepositoryError({ reason: "unsupported", message: error.message, cause: error })

/** The engine of databases failed, and no database is to blame: undefined when one is. */
export const fromEngineError = (error: SqliteError): RepositoryError | undefined =>
  error.reason === "corrupt" || error.reason === "query" ? undefined : new RepositoryError({
    reason: error.reason === "unavailable" ? "unsupported" : "scratch",
    message: error.message,
    cause: error,
  })

/** Whether one object is to blame for an error of a read, and not the store as a whole. */
export const isDamage = (error: FormatError): boolean =>
  error instanceof StoreError ? concernsObject(error) : error.reason === "corrupt"

/** Whether an object is to blame for an error that is not there. */
export const isGone = (error: FormatError): boolean =>
  error instanceof StoreError
    ? error.reason === "not-found"
    : error.cause instanceof StoreError && error.cause.reason === "not-found"

/** What was given of an object is wrong, and what is stored is right. */
export const readWrongly = (object: string): StoreError =>
  new StoreError({
    reason: "unavailable",
    object,
    message: `${object} was read wrongly, though what is stored is right: run again, and check the connection`,
  })

/** An error of a read of one object as damage to that object; any other stays. */
export const asDamage = (object: string): (error: FormatError) => FormatError => (error) =>
  error instanceof StoreError && concernsObject(error) ? corrupt(object, error.message, error) : error
