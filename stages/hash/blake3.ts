/** BLAKE3-256, plain and keyed. Portable: `@noble/hashes`; `adapters/kernels` has faster ones of the same names. */
import { blake3 as noble } from "@noble/hashes/blake3.js"
import type * as Redacted from "effect/Redacted"
import type { Hasher, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { kernelKey, type KeyParams } from "../kernel/key.ts"

const hasher = (options: { readonly key?: Uint8Array }): Hasher =>
  trusted({
    digest: (bytes) => noble(bytes, options),
    create: () => {
      const state = noble.create(options)
      return { update: (bytes: Uint8Array) => void state.update(bytes), digest: () => state.digest() }
    },
  })

/** BLAKE3 without a key: an ID that others compute too. */
export const blake3: KernelSpec<"hash"> = { stage: "hash", name: "blake3", params: {}, make: () => hasher({}) }

/**
 * BLAKE3 in keyed mode: IDs that tell nothing to those without the key. Throws KernelError `unsupported` unless `key`
 * has 32 bytes.
 */
export const blake3Keyed = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"hash"> => {
  kernelKey("blake3-keyed", { key })
  return {
    stage: "hash",
    name: "blake3-keyed",
    params: { key },
    make: (params: KeyParams) => hasher({ key: kernelKey("blake3-keyed", params) }),
  }
}
