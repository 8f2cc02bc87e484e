/**
 * BLAKE3 with 32 bytes of output, plain and keyed (https://github.com/BLAKE3-team/BLAKE3-specs). Portable, by
 * `@noble/hashes`; `adapters/kernels` has faster kernels of the same names.
 */
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

/**
 * BLAKE3 without a key. Anybody can compute these IDs, so they tell whether a known file is stored.
 *
 * @example Name bytes by their content
 * ```ts
 * import assert from "node:assert"
 * import { blake3, makeKernel } from "@penstock/penstock"
 *
 * const id = makeKernel(blake3).digest(new TextEncoder().encode("abc"))
 * assert.deepEqual([...id.subarray(0, 4)], [0x64, 0x37, 0xb3, 0xac])
 * ```
 */
export const blake3: KernelSpec<"hash"> = { stage: "hash", name: "blake3", params: {}, make: () => hasher({}) }

/**
 * BLAKE3 in keyed mode: without the key, IDs tell nothing about the content. Throws KernelError `unsupported` unless
 * `key` has 32 bytes.
 *
 * @example Use different IDs in each repository
 * ```ts
 * import assert from "node:assert"
 * import { blake3Keyed, makeKernel } from "@penstock/penstock"
 * import { Redacted } from "effect"
 *
 * const bytes = new TextEncoder().encode("abc")
 * const [one, two] = [1, 2].map((byte) => {
 *   const key = Redacted.make(new Uint8Array(32).fill(byte))
 *   return makeKernel(blake3Keyed(key)).digest(bytes)
 * })
 * assert.notDeepEqual(one, two)
 * ```
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
