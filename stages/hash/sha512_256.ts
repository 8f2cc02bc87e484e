/**
 * SHA-512/256 (FIPS 180-4). Portable, by `@noble/hashes`; `adapters/kernels` has a faster kernel of the same name.
 */
import { sha512_256 as noble } from "@noble/hashes/sha2.js"
import type { KernelSpec } from "../kernel/kernel.ts"
import { nobleHasher } from "./noble.ts"

/**
 * SHA-512/256 (FIPS 180-4): 32 bytes of a SHA-512 that starts from other values, for formats of others that ask for it.
 * With `accelerators`, `blake3` is several times as fast; without, this is faster on Node and Deno.
 *
 * @example Name content
 * ```ts
 * import assert from "node:assert"
 * import { makeKernel, sha512_256 } from "@penstock/penstock"
 *
 * const digest = makeKernel(sha512_256).digest(new TextEncoder().encode("abc"))
 * assert.deepEqual(digest.subarray(0, 4), Uint8Array.of(0x53, 0x04, 0x8e, 0x26))
 * ```
 */
export const sha512_256: KernelSpec<"hash"> = {
  stage: "hash",
  name: "sha512-256",
  params: {},
  make: () => nobleHasher(noble),
}
