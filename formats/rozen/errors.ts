/** Turns what stages fail with into errors of a repository. */
import type { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { corrupt, fromEngineError, type RepositoryError } from "../error.ts"

export { asDamage, corrupt, fromKernelError, isDamage } from "../error.ts"

/** The engine failed on the catalog of `object`, or for want of room. */
export const fromSqliteError = (object: string) => (error: SqliteError): RepositoryError =>
  fromEngineError(error) ??
    corrupt(
      object,
      error.reason === "corrupt" ? `The catalog of ${object} is damaged: ${error.message}` : error.message,
      error,
    )
