/**
 * Errors of repositories. A format fails with a {@link RepositoryError} about the repository or one object of it, and
 * with a StoreError about the store. Errors of kernels and of SQLite become one of these two before they leave the
 * format. Damage to one object is no reason to give up: readers skip that object, name it, and go on (see {@link
 * isDamage}).
 */
import type { SqliteError } from "../stages/catalog/sqlite/sqlite.ts"
import type { KernelError } from "../stages/kernel/kernel.ts"
import { taggedError, type TaggedErrorInstance } from "../stages/kernel/tagged_error.ts"
import { StoreError } from "../stages/store/store.ts"
import { concernsObject } from "../stages/store/unreadable.ts"

/** Fields of a `RepositoryError`. */
export interface RepositoryErrorFields {
  /**
   * - `none`: there is no repository.
   * - `exists`: there is one already.
   * - `wrong-key`: no password, recipient or key fits.
   * - `unused-secret`: a secret was given that this repository has no use for. The repository may be another than the
   *   user thinks, or unencrypted.
   * - `corrupt`: an object is damaged, altered or missing.
   * - `newer`: a later version wrote it.
   * - `foreign`: it is of another format.
   * - `unknown-snapshot`: no snapshot has that ID.
   * - `unsupported`: this format cannot do that.
   * - `scratch`: this machine has no room, or no place, for the databases that the work needs. Nothing is wrong with
   *   the repository.
   */
  readonly reason:
    | "none"
    | "exists"
    | "wrong-key"
    | "unused-secret"
    | "corrupt"
    | "newer"
    | "foreign"
    | "unknown-snapshot"
    | "unsupported"
    | "scratch"
  /** The object concerned, when the error is about one. */
  readonly object?: string
  /** One sentence that names the thing and the way out. */
  readonly message: string
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** A repository cannot be used as asked. */
export interface RepositoryError extends TaggedErrorInstance<"RepositoryError", RepositoryErrorFields> {}
/**
 * Makes {@linkcode RepositoryError}s.
 *
 * @example Tell that there is no repository from any other failure
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { ObjectStore, rozen } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const reason = rozen.open({ password: Redacted.make("secret") }).pipe(
 *   Effect.as("opened"),
 *   Effect.catchTag("RepositoryError", ({ reason }) => Effect.succeed(reason)),
 *   Effect.scoped,
 * )
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = reason.pipe(Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.equal(await Effect.runPromise(program), "none")
 * ```
 */
export const RepositoryError: new (fields: RepositoryErrorFields) => RepositoryError = taggedError(
  "RepositoryError",
)

/** All errors of an open repository. */
export type FormatError = RepositoryError | StoreError

/**
 * The error about an object that is damaged, altered or missing. `message` names the object.
 *
 * @example Refuse an object that is too short
 * ```ts
 * import { corrupt } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const decode = (name: string, bytes: Uint8Array): number => {
 *   if (bytes.length < 4) throw corrupt(name, `${name} is truncated: it has ${bytes.length} bytes`)
 *   return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
 * }
 * assert.throws(() => decode("index", new Uint8Array(3)), { reason: "corrupt", object: "index" })
 * ```
 */
export const corrupt = (object: string, message: string, cause?: unknown): RepositoryError =>
  new RepositoryError({ reason: "corrupt", object, message, cause })

/**
 * The error of a kernel as one of the repository: `unsupported`. Only for writing, where a kernel fails because the
 * machine or the runtime cannot do what is asked. A kernel that fails while it decodes has met damage: see
 * {@link corrupt}.
 *
 * @example Report a compressor that this machine does not have
 * ```ts
 * import { KernelError } from "@penstock/penstock"
 * import { fromKernelError } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const error = new KernelError({ kernel: "zstd", reason: "unsupported", message: "zstd cannot compress here" })
 * assert.equal(fromKernelError(error).reason, "unsupported")
 * ```
 */
export const fromKernelError = (error: KernelError): RepositoryError =>
  new RepositoryError({ reason: "unsupported", message: error.message, cause: error })

/**
 * The error of a SQLite engine as one of the repository, when no database is to blame: `unsupported` without an engine,
 * `scratch` without room. Undefined when the database itself is damaged or is not what the query expects.
 *
 * @example Tell a full disk from a damaged catalog
 * ```ts
 * import { SqliteError } from "@penstock/penstock"
 * import { fromEngineError } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const full = new SqliteError({ reason: "io", message: "The disk is full" })
 * const damaged = new SqliteError({ reason: "corrupt", message: "This is no database" })
 * assert.equal(fromEngineError(full)?.reason, "scratch")
 * assert.equal(fromEngineError(damaged), undefined)
 * ```
 */
export const fromEngineError = (error: SqliteError): RepositoryError | undefined =>
  error.reason === "corrupt" || error.reason === "query" ? undefined : new RepositoryError({
    reason: error.reason === "unavailable" ? "unsupported" : "scratch",
    message: error.message,
    cause: error,
  })

/**
 * Whether one object is to blame for an error of a read. Otherwise the store as a whole, or something else, is.
 *
 * @example Go on after damage, and stop when the store cannot be reached
 * ```ts
 * import { StoreError } from "@penstock/penstock"
 * import { corrupt, isDamage } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * assert.ok(isDamage(corrupt("index", "index is truncated")))
 * assert.ok(isDamage(new StoreError({ reason: "not-found", object: "index", message: "There is no index" })))
 * assert.ok(!isDamage(new StoreError({ reason: "unavailable", object: "index", message: "Cannot connect" })))
 * ```
 */
export const isDamage = (error: FormatError): boolean =>
  error instanceof StoreError ? concernsObject(error) : error.reason === "corrupt"

/**
 * Whether an error says that an object is not there.
 *
 * @example Tell an object that went away from one that is damaged
 * ```ts
 * import { StoreError } from "@penstock/penstock"
 * import { corrupt, isGone } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const missing = new StoreError({ reason: "not-found", object: "index", message: "There is no index" })
 * assert.ok(isGone(corrupt("index", "index is missing", missing)))
 * assert.ok(!isGone(corrupt("index", "index is truncated")))
 * ```
 */
export const isGone = (error: FormatError): boolean =>
  error instanceof StoreError
    ? error.reason === "not-found"
    : error.cause instanceof StoreError && error.cause.reason === "not-found"

/**
 * The error about an object that was read wrongly, though what is stored is right. It is no damage: the network or this
 * machine is at fault.
 *
 * @example Fail a content that was given wrong bytes before that was noticed
 * ```ts
 * import { isDamage, readWrongly } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * assert.equal(readWrongly("DATA/ab").reason, "unavailable")
 * assert.ok(!isDamage(readWrongly("DATA/ab")))
 * ```
 */
export const readWrongly = (object: string): StoreError =>
  new StoreError({
    reason: "unavailable",
    object,
    message: `${object} was read wrongly, though what is stored is right: run again, and check the connection`,
  })

/**
 * Turns the error of a store about one object into `corrupt`. Any other error stays.
 *
 * @example Report an object that is missing as damage
 * ```ts
 * import { StoreError } from "@penstock/penstock"
 * import { asDamage } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const missing = new StoreError({ reason: "not-found", object: "index", message: "There is no index" })
 * assert.equal(asDamage("index")(missing).reason, "corrupt")
 * ```
 */
export const asDamage = (object: string): (error: FormatError) => FormatError => (error) =>
  error instanceof StoreError && concernsObject(error) ? corrupt(object, error.message, error) : error
