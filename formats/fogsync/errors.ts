/** Turns what stages fail with into errors of a repository. */
import * as Effect from "effect/Effect"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { fromEngineError, fromKernelError, RepositoryError } from "../error.ts"

export { absent, created } from "../../stages/store/absent.ts"
export { asDamage, corrupt, isDamage } from "../error.ts"

/** The working database failed: it is never one that came from the store. */
export const fromSqliteError = (error: SqliteError): RepositoryError =>
  fromEngineError(error) ?? new RepositoryError({ reason: "unsupported", message: error.message, cause: error })

/** Runs synchronous code of a backup, and turns what it throws into a failure. */
export const writing = <A>(run: () => A): Effect.Effect<A, RepositoryError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (error instanceof SqliteError) return Effect.fail(fromSqliteError(error))
      return error instanceof KernelError ? Effect.fail(fromKernelError(error)) : Effect.die(error)
    }
  })
