/** No encryption, for tests and for formats that leave the choice. */
import type { Cipher, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"

const make = (): Cipher => trusted({ overhead: 0, seal: (bytes) => bytes, open: (bytes) => bytes })

/**
 * Leaves messages as they are and authenticates nothing. The output is the input array itself.
 *
 * @example Leave the choice to a setting
 * ```ts
 * import assert from "node:assert"
 * import { aes256gcm, makeKernel, noEncryption } from "@penstock/penstock"
 * import { Redacted } from "effect"
 *
 * const key: Redacted.Redacted<Uint8Array> | undefined = undefined
 * const cipher = makeKernel(key === undefined ? noEncryption : aes256gcm(key))
 * const message = new Uint8Array(10)
 * assert.equal(cipher.seal(message), message)
 * ```
 */
export const noEncryption: KernelSpec<"encrypt"> = { stage: "encrypt", name: "none", params: {}, make }
