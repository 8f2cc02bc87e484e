/** Turns what stages fail with into errors of a repository. */
import type { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { corrupt, fromEngineError, RepositoryError } from "../error.ts"

export { asDamage, corrupt, fromKernelError, isDamage } from "../error.ts"

/** The engine failed on a database that came from an object. */
export const fromSqliteError = (object: string) => (error: SqliteError): RepositoryError =>
  fromEngineError(error) ?? corrupt(object, `${object} is damaged or altered: ${error.message}`, error)

/** The engine failed on the new catalog: what it was given makes no sense, or there is no space for it. */
export const fromWriteError = (error: SqliteError): RepositoryError =>
  fromEngineError(error) ?? new RepositoryError({ reason: "unsupported", message: error.message, cause: error })
