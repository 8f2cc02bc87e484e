/** Turns failures of stages into errors of a repository. */
import * as Effect from "effect/Effect"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { asDamage, corrupt, type FormatError, fromEngineError, isGone, RepositoryError } from "../error.ts"

export { corrupt, fromKernelError, isDamage } from "../error.ts"

/** The engine failed on a database that was read from an object. */
export const fromSqliteError = (object: string) => (error: SqliteError): RepositoryError =>
  fromEngineError(error) ?? corrupt(object, `${object} is damaged or altered: ${error.message}`, error)

/**
 * The engine failed on a new catalog: it was given something impossible, or there is no space for it. Other errors
 * stay.
 */
export const fromWriteError = <E>(error: E | SqliteError): RepositoryError | E =>
  error instanceof SqliteError
    ? fromEngineError(error) ?? new RepositoryError({ reason: "unsupported", message: error.message, cause: error })
    : error

/** Runs queries on a database that was read from an object. A query that fails means that the object is damaged. */
export const catchingDamage = <A>(object: string, query: () => A): Effect.Effect<A, RepositoryError> =>
  Effect.try({
    try: query,
    catch: (error) => {
      if (error instanceof SqliteError) return fromSqliteError(object)(error)
      if (error instanceof RepositoryError) return error
      throw error
    },
  })

/**
 * What a read of one object gave: its value, or as a value the error that says how the object is damaged, or undefined
 * if the object has gone. Errors that concern the whole store or this machine remain failures.
 */
export const orDamage = <A, R>(
  object: string,
  read: Effect.Effect<A, FormatError, R>,
): Effect.Effect<A | RepositoryError | undefined, FormatError, R> =>
  Effect.catch(read, (error): Effect.Effect<RepositoryError | undefined, FormatError> => {
    if (isGone(error)) return Effect.succeed(undefined)
    const damage = asDamage(object)(error)
    // A RepositoryError without an object concerns this machine.
    return damage instanceof RepositoryError && damage.object !== undefined
      ? Effect.succeed(damage)
      : Effect.fail(error)
  })

/** Whether {@link orDamage} gave a value. */
export const isIntact = <A>(found: A | RepositoryError | undefined): found is A =>
  found !== undefined && !(found instanceof RepositoryError)
