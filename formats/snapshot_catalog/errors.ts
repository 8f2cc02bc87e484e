/** Turns what stages fail with into errors of a repository. */
import type { SqliteError } from "../../stages/catalog/sqlite.ts"
import type { KernelError } from "../../stages/kernel.ts"
import { RepositoryError } from "../format.ts"

/** An object that is damaged, altered or missing. */
export const corrupt = (object: string, message: string, cause?: unknown): RepositoryError =>
  new RepositoryError({ reason: "corrupt", object, message, cause })

/** Kernels fail while writing only for want of support. */
export const fromKernelError = (error: KernelError): RepositoryError =>
  new RepositoryError({ reason: "unsupported", message: error.message, cause: error })

/** The engine failed on a database that came from an object. */
export const fromSqliteError = (object: string) => (error: SqliteError): RepositoryError =>
  error.reason === "unavailable"
    ? new RepositoryError({ reason: "unsupported", message: error.message, cause: error })
    : corrupt(object, `${object} is damaged or altered: ${error.message}`, error)

/** The engine failed on the new catalog: what it was given makes no sense, or there is no space for it. */
export const fromWriteError = (error: SqliteError): RepositoryError =>
  new RepositoryError({ reason: "unsupported", message: error.message, cause: error })
