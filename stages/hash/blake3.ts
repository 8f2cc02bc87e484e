/** BLAKE3-256, plain and keyed. Portable: `@noble/hashes`; `adapters/kernels` has faster ones of the same names. */
import { blake3 as noble } from "@noble/hashes/blake3.js"
import { Redacted } from "effect"
import { type Hasher, KernelError, type KernelSpec } from "../kernel.ts"

/** Params of the keyed hash. */
export interface KeyedParams {
  /** 32 bytes. */
  readonly key: Redacted.Redacted<Uint8Array>
}

/** The key out of `params`. Throws KernelError `unsupported` unless it has 32 bytes. */
export const keyOf = (params: KeyedParams, kernel: string): Uint8Array => {
  const key = Redacted.value(params.key)
  if (key.length === 32) return key
  throw new KernelError({
    kernel,
    reason: "unsupported",
    message: `Cannot use a key of ${key.length} bytes with ${kernel}: it must have 32`,
  })
}

const hasher = (options: { readonly key?: Uint8Array }): Hasher => ({
  digest: (bytes) => noble(bytes, options),
  create: () => {
    const state = noble.create(options)
    return { update: (bytes) => void state.update(bytes), digest: () => state.digest() }
  },
})

/** BLAKE3 without a key: an ID that others compute too. */
export const blake3: KernelSpec<"hash"> = { stage: "hash", name: "blake3", params: {}, make: () => hasher({}) }

/** BLAKE3 in keyed mode: IDs that tell nothing to those without the key. Throws KernelError `unsupported` unless `key` has 32 bytes. */
export const blake3Keyed = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"hash"> => {
  keyOf({ key }, "blake3-keyed")
  return {
    stage: "hash",
    name: "blake3-keyed",
    params: { key },
    make: (params: KeyedParams) => hasher({ key: keyOf(params, "blake3-keyed") }),
  }
}
