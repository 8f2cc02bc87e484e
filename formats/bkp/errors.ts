/** Turns what stages fail with into errors of a repository. */
import * as Effect from "effect/Effect"
import { catching } from "../../stages/error.ts"
import type { KernelError } from "../../stages/kernel.ts"
import { StoreError } from "../../stages/pack/store.ts"
import { RepositoryError } from "../format.ts"

/** An object that is damaged, altered or missing. */
export const corrupt = (object: string, message: string): RepositoryError =>
  new RepositoryError({ reason: "corrupt", object, message })

/** Kernels fail while writing only for want of support. */
export const unsupported = ({ message, ...cause }: KernelError): RepositoryError =>
  new RepositoryError({ reason: "unsupported", message, cause })

/** Runs what throws RepositoryError. */
export const attempt = <A>(run: () => A): Effect.Effect<A, RepositoryError> => catching(RepositoryError, run)

/** Whether an object is to blame for an error, and not the store as a whole. */
export const isDamage = (error: RepositoryError | StoreError): boolean =>
  error instanceof StoreError
    ? error.reason === "not-found" || error.reason === "corrupt" || error.reason === "io"
    : error.reason === "corrupt"

/** The bytes of an object, or undefined when there is none. */
export const absent = <A>(get: Effect.Effect<A, StoreError>): Effect.Effect<A | undefined, StoreError> =>
  Effect.catchTag(
    get,
    "StoreError",
    (error) => error.reason === "not-found" ? Effect.succeed(undefined) : Effect.fail(error),
  )

/** A create-only put: false when there is one of that name already. */
export const created = (put: Effect.Effect<void, StoreError>): Effect.Effect<boolean, StoreError> =>
  Effect.catchTag(
    Effect.as(put, true),
    "StoreError",
    (error) => error.reason === "exists" ? Effect.succeed(false) : Effect.fail(error),
  )
