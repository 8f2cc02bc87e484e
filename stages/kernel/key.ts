/** Kernels that have a key. */
import * as Redacted from "effect/Redacted"
import { KernelError } from "./kernel.ts"

/** Params of kernels with a key. */
export interface KeyParams {
  /** 32 bytes. */
  readonly key: Redacted.Redacted<Uint8Array>
}

/** The key out of `params`. Throws KernelError `unsupported` unless it has 32 bytes. */
export const kernelKey = (kernel: string, params: KeyParams): Uint8Array => {
  const key = Redacted.value(params.key)
  if (key.length === 32) return key
  throw new KernelError({
    kernel,
    reason: "unsupported",
    message: `Cannot use a key of ${key.length} bytes with ${kernel}: it must have 32`,
  })
}
