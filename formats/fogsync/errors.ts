/** Turns what stages fail with into errors of a repository. */
import * as Effect from "effect/Effect"
import { SqliteError } from "../../stages/catalog/sqlite.ts"
import { catching } from "../../stages/error.ts"
import { KernelError } from "../../stages/kernel.ts"
import { StoreError } from "../../stages/pack/store.ts"
import { type FormatError, RepositoryError } from "../format.ts"

/** An object that is damaged, altered or missing. */
export const corrupt = (object: string, message: string, cause?: unknown): RepositoryError =>
  new RepositoryError({ reason: "corrupt", object, message, cause })

/** The working database failed: it is never one that came from the store. */
export const fromSqliteError = (error: SqliteError): RepositoryError =>
  new RepositoryError({ reason: "unsupported", message: error.message, cause: error })

/** Kernels fail while writing only for want of support. */
export const fromKernelError = (error: KernelError): RepositoryError =>
  new RepositoryError({ reason: "unsupported", message: error.message, cause: error })

/** Runs what throws RepositoryError. */
export const attempt = <A>(run: () => A): Effect.Effect<A, RepositoryError> => catching(RepositoryError, run)

/** Whether one object is to blame for an error, and not the store as a whole. */
export const isDamage = (error: FormatError): boolean =>
  error instanceof StoreError
    ? error.reason === "not-found" || error.reason === "corrupt" || error.reason === "io"
    : error.reason === "corrupt"

/** What there is not is undefined. */
export const absent = <A>(get: Effect.Effect<A, StoreError>): Effect.Effect<A | undefined, StoreError> =>
  Effect.catch(get, (error) => error.reason === "not-found" ? Effect.succeed(undefined) : Effect.fail(error))

/** A create-only put: false when there is an object of that name. */
export const created = (put: Effect.Effect<void, StoreError>): Effect.Effect<boolean, StoreError> =>
  Effect.as(put, true).pipe(
    Effect.catch((error) => error.reason === "exists" ? Effect.succeed(false) : Effect.fail(error)),
  )

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
