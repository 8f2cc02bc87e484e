/** What can go wrong in kernels. */
import { taggedError, type TaggedErrorInstance } from "./tagged_error.ts"

/** Fields of a `KernelError`. */
export interface KernelErrorFields {
  /** The name of the kernel. */
  readonly kernel: string
  /**
   * - `corrupt`: the bytes are not what the encoder writes.
   * - `forged`: the message is not authentic: the key is wrong, or the message was altered.
   * - `limit`: the output would be too long.
   * - `unsupported`: the kernel cannot be made here, or not with these parameters.
   * - `faulty`: the kernel does not do what kernels of its kind must do.
   */
  readonly reason: "corrupt" | "forged" | "limit" | "unsupported" | "faulty"
  /** One sentence that names the kernel. */
  readonly message: string
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** The error that kernels throw. Kernels are synchronous: the stage that calls one makes it a failure of its Effect. */
export interface KernelError extends TaggedErrorInstance<"KernelError", KernelErrorFields> {}
/**
 * Makes {@linkcode KernelError}s.
 *
 * @example Tell damage from a wrong key
 * ```ts
 * import assert from "node:assert/strict"
 * import { Redacted } from "effect"
 * import { chacha20poly1305, KernelError, makeKernel } from "@penstock/penstock"
 *
 * const cipher = makeKernel(chacha20poly1305(Redacted.make(new Uint8Array(32).fill(1))))
 * const other = makeKernel(chacha20poly1305(Redacted.make(new Uint8Array(32).fill(2))))
 * const sealed = cipher.seal(Uint8Array.of(1, 2, 3))
 * assert.throws(() => other.open(sealed), (error) => error instanceof KernelError && error.reason === "forged")
 * ```
 */
export const KernelError: new (fields: KernelErrorFields) => KernelError = taggedError("KernelError")
