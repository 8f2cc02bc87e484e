/** BLAKE2b (RFC 7693) with digests of 32 bytes, by `@noble/hashes`. */
import { blake2b as noble } from "@noble/hashes/blake2.js"
import type { KernelSpec } from "../kernel/kernel.ts"
import { nobleHasher } from "./noble.ts"

const LENGTH = { dkLen: 32 }
const hash = Object.assign((bytes: Uint8Array) => noble(bytes, LENGTH), { create: () => noble.create(LENGTH) })

/**
 * BLAKE2b-256 (RFC 7693), for formats of others that ask for it. `blake3` is faster. There is no native kernel of it,
 * since the `node:crypto` of Node and Deno has BLAKE2b with 64 bytes only.
 *
 * @example Name content
 * ```ts
 * import assert from "node:assert"
 * import { blake2b256, makeKernel } from "@penstock/penstock"
 *
 * const digest = makeKernel(blake2b256).digest(new TextEncoder().encode("abc"))
 * assert.deepEqual(digest.subarray(0, 4), Uint8Array.of(0xbd, 0xdd, 0x81, 0x3c))
 * ```
 */
export const blake2b256: KernelSpec<"hash"> = {
  stage: "hash",
  name: "blake2b-256",
  params: {},
  make: () => nobleHasher(hash),
}
