/** The errors of the two ports, {@link Source} and {@link Target}. */
import { taggedError, type TaggedErrorInstance } from "../kernel/tagged_error.ts"

/** Fields of a `SourceError`. */
export interface SourceErrorFields {
  /**
   * - `not-found`: the root does not exist, or an entry vanished.
   * - `denied`: no permission.
   * - `changed`: the content changed while it was read.
   * - `damaged`: stored content is lost or altered.
   * - `io`: anything else.
   */
  readonly reason: "not-found" | "denied" | "changed" | "damaged" | "io"
  /** The root of a walk, or the path of an entry. */
  readonly path: string
  /** One sentence. */
  readonly message: string
  /** The error that led to this one. */
  readonly cause?: unknown
}
/**
 * A source could not be read. An error about a root fails the walk. Anything beneath the root that cannot be read
 * becomes an entry of kind `unreadable`, and the walk goes on.
 */
export interface SourceError extends TaggedErrorInstance<"SourceError", SourceErrorFields> {}
/**
 * Makes {@linkcode SourceError}s.
 *
 * @example Handle a root that does not exist
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { memorySource, SourceError } from "@penstock/penstock"
 *
 * const error = await Effect.runPromise(Effect.flip(Stream.runDrain(memorySource({}).entries("photos", {}))))
 * assert.ok(error instanceof SourceError)
 * assert.equal(error.reason, "not-found")
 * ```
 */
export const SourceError: new (fields: SourceErrorFields) => SourceError = taggedError("SourceError")

/** Fields of a `TargetError`. */
export interface TargetErrorFields {
  /**
   * - `refused`: the entry is not valid, or would be written outside of the target.
   * - `denied`: no permission.
   * - `full`: no space left.
   * - `io`: anything else.
   */
  readonly reason: "refused" | "denied" | "full" | "io"
  /** The root of the target, or the path of an entry. */
  readonly path: string
  /** One sentence. */
  readonly message: string
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** An entry could not be written. */
export interface TargetError extends TaggedErrorInstance<"TargetError", TargetErrorFields> {}
/**
 * Makes {@linkcode TargetError}s.
 *
 * @example Refuse an entry in a target of your own
 * ```ts
 * import assert from "node:assert/strict"
 * import { TargetError } from "@penstock/penstock"
 *
 * const error = new TargetError({ reason: "refused", path: "../a", message: "It would be written outside" })
 * assert.equal(error._tag, "TargetError")
 * ```
 */
export const TargetError: new (fields: TargetErrorFields) => TargetError = taggedError("TargetError")
