/** SHA-256 (FIPS 180-4). Portable, by `@noble/hashes`; `adapters/kernels` has a faster kernel of the same name. */
import { sha256 as noble } from "@noble/hashes/sha2.js"
import type { KernelSpec } from "../kernel/kernel.ts"
import { nobleHasher } from "./noble.ts"

/**
 * SHA-256 (FIPS 180-4), for formats of others that ask for it. With `accelerators`, `blake3` is faster.
 *
 * @example Hash in pieces
 * ```ts
 * import assert from "node:assert"
 * import { makeKernel, sha256 } from "@penstock/penstock"
 *
 * const hasher = makeKernel(sha256)
 * const state = hasher.create()
 * state.update(new TextEncoder().encode("a"))
 * state.update(new TextEncoder().encode("bc"))
 * assert.deepEqual(state.digest(), hasher.digest(new TextEncoder().encode("abc")))
 * ```
 */
export const sha256: KernelSpec<"hash"> = {
  stage: "hash",
  name: "sha256",
  params: {},
  make: () => nobleHasher(noble),
}
