/** What goes wrong in kernels. */
import { taggedError, type TaggedErrorInstance } from "./tagged_error.ts"

/** Fields of a `KernelError`. */
export interface KernelErrorFields {
  /** Name of the kernel. */
  readonly kernel: string
  /**
   * `corrupt`: not what the encoder writes. `forged`: not authentic (wrong key or altered). `limit`: too long.
   * `unsupported`: not on this runtime. `faulty`: the kernel does not do what kernels of its kind do.
   */
  readonly reason: "corrupt" | "forged" | "limit" | "unsupported" | "faulty"
  /** One sentence that names the kernel. */
  readonly message: string
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** What a kernel throws. Kernels are synchronous: whoever runs one turns this into a failure of its Effect. */
export interface KernelError extends TaggedErrorInstance<"KernelError", KernelErrorFields> {}
/** Makes {@linkcode KernelError}s. */
export const KernelError: new (fields: KernelErrorFields) => KernelError = taggedError("KernelError")
