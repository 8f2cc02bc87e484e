/** Turns errors of stages into errors of a repository. */
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { corrupt, fromEngineError, fromKernelError, type RepositoryError } from "../error.ts"

export { asDamage, corrupt, fromKernelError, isDamage } from "../error.ts"

/** For errors of SQLite: `object` is damaged, unless the engine itself failed or this machine has no room. */
export const fromSqliteError = (object: string) => (error: SqliteError): RepositoryError =>
  fromEngineError(error) ??
    corrupt(
      object,
      error.reason === "corrupt" ? `The catalog of ${object} is damaged: ${error.message}` : error.message,
      error,
    )

/** For errors of kernels and of SQLite; any other error stays. `object` names the database that is in use. */
export const fromStageError =
  (object: string) => <E>(error: E): RepositoryError | Exclude<E, KernelError | SqliteError> =>
    error instanceof KernelError
      ? fromKernelError(error)
      : error instanceof SqliteError
      ? fromSqliteError(object)(error)
      : error as Exclude<E, KernelError | SqliteError>
