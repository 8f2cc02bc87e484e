/** Turns what stages fail with into errors of a repository. */
import type { SqliteError } from "../../stages/catalog/sqlite.ts"
import { RepositoryError } from "../format.ts"

export { attempt, corrupt, fromKernelError } from "../format.ts"

/** The engine failed on the catalog of `object`. */
export const fromSqliteError = (object: string) => (error: SqliteError): RepositoryError =>
  new RepositoryError({
    reason: error.reason === "unavailable" ? "unsupported" : "corrupt",
    object,
    message: error.reason === "corrupt" ? `The catalog of ${object} is damaged: ${error.message}` : error.message,
    cause: error,
  })
