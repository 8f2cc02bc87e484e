/** Turns what stages fail with into errors of a repository. */
import type * as Effect from "effect/Effect"
import type { SqliteError } from "../../stages/catalog/sqlite.ts"
import { catching } from "../../stages/error.ts"
import type { KernelError } from "../../stages/kernel.ts"
import { RepositoryError } from "../format.ts"

/** An object that is damaged, altered or missing. */
export const corrupt = (object: string, message: string): RepositoryError =>
  new RepositoryError({ reason: "corrupt", object, message })

/** Kernels fail while writing only for want of support. */
export const fromKernelError = (error: KernelError): RepositoryError =>
  new RepositoryError({ reason: "unsupported", message: error.message, cause: error })

/** The engine failed on the catalog of `object`. */
export const fromSqliteError = (object: string) => (error: SqliteError): RepositoryError =>
  new RepositoryError({
    reason: error.reason === "unavailable" ? "unsupported" : "corrupt",
    object,
    message: error.reason === "corrupt" ? `The catalog of ${object} is damaged: ${error.message}` : error.message,
    cause: error,
  })

/** Runs what throws RepositoryError. */
export const attempt = <A>(run: () => A): Effect.Effect<A, RepositoryError> => catching(RepositoryError, run)
