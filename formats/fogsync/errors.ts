/** Turns errors of stages and of the working database into errors of the repository. */
import * as Effect from "effect/Effect"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { fromEngineError, fromKernelError, RepositoryError } from "../error.ts"

export { absent, created } from "../../stages/store/absent.ts"
export { asDamage, corrupt, isDamage } from "../error.ts"

/** The working database failed. It never comes from the store, so the repository is not damaged. */
export const fromSqliteError = (error: SqliteError): RepositoryError =>
  fromEngineError(error) ?? new RepositoryError({ reason: "unsupported", message: error.message, cause: error })

/** Runs a synchronous step of a backup. A SqliteError or KernelError that it throws becomes a failure. */
export const writing = <A>(step: () => A): Effect.Effect<A, RepositoryError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(step())
    } catch (error) {
      if (error instanceof SqliteError) return Effect.fail(fromSqliteError(error))
      return error instanceof KernelError ? Effect.fail(fromKernelError(error)) : Effect.die(error)
    }
  })
