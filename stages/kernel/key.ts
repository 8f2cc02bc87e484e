/** The key of a kernel. */
import * as Redacted from "effect/Redacted"
import { KernelError } from "./kernel.ts"

/** The parameters of a kernel that has a key. */
export interface KeyParams {
  /** 32 bytes. */
  readonly key: Redacted.Redacted<Uint8Array>
}

/** Takes the key out of the parameters. Throws KernelError `unsupported` unless it has 32 bytes. */
export const kernelKey = (kernel: string, params: KeyParams): Uint8Array => {
  const key = Redacted.value(params.key)
  if (key.length === 32) return key
  throw new KernelError({
    kernel,
    reason: "unsupported",
    message: `Cannot use a key of ${key.length} bytes with ${kernel}: it must have 32 bytes`,
  })
}
