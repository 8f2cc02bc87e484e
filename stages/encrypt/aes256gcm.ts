/**
 * XAES-256-GCM: AES-256-GCM with nonces of 24 bytes, so that random nonces do not repeat
 * (https://c2sp.org/XAES-256-GCM).
 *
 * A sealed message is the nonce N (24 bytes), the ciphertext, and the tag (16 bytes). Each message has its own key:
 * AES-CMAC derives it from the first half of N (NIST SP 800-108r1, counter mode). The second half of N is the nonce of
 * AES-256-GCM. Portable, by `@noble/ciphers`.
 */
import { ecb, gcm } from "@noble/ciphers/aes.js"
import type * as Redacted from "effect/Redacted"
import type { KernelSpec } from "../kernel/kernel.ts"
import { type NonceCipher, nonceCipherSpec } from "./aead.ts"

/** The name in catalogs. */
export const XAES = "xaes-256-gcm"

/** Where the nonce of AES-256-GCM begins in N. The bytes before it go into the key of the message. */
export const MESSAGE_NONCE_AT = 12

/** AES-256 in ECB mode without padding. */
export type EncryptBlocks = (blocks: Uint8Array) => Uint8Array

/**
 * Makes a function from the nonce of a message (24 bytes) to the key of the message (32 bytes). `encryptBlocks` is
 * AES-256-ECB under the long-term key.
 */
export const messageKeys = (encryptBlocks: EncryptBlocks): (nonce: Uint8Array) => Uint8Array => {
  // The first subkey of CMAC (RFC 4493): the encryption of zero, doubled in GF(2^128).
  const zero = encryptBlocks(new Uint8Array(16))
  const subkey = new Uint8Array(16)
  for (let i = 0; i < 16; i++) subkey[i] = (zero[i]! << 1) | ((zero[i + 1] ?? 0) >>> 7)
  subkey[15]! ^= zero[0]! & 0x80 ? 0x87 : 0
  return (nonce) => {
    const blocks = new Uint8Array(32)
    for (const counter of [1, 2]) {
      const at = 16 * (counter - 1)
      blocks.set([0, counter, 0x58, 0], at)
      blocks.set(nonce.subarray(0, MESSAGE_NONCE_AT), at + 4)
      for (let i = 0; i < 16; i++) blocks[at + i]! ^= subkey[i]!
    }
    return encryptBlocks(blocks)
  }
}

/** The portable cipher under a 32-byte key. */
export const portableXaes = (key: Uint8Array): NonceCipher => {
  const keyFor = messageKeys((blocks) => ecb(key, { disablePadding: true }).encrypt(blocks))
  return {
    seal: (nonce, bytes, aad) => [gcm(keyFor(nonce), nonce.subarray(MESSAGE_NONCE_AT), aad).encrypt(bytes)],
    open: (nonce, sealed, aad) => gcm(keyFor(nonce), nonce.subarray(MESSAGE_NONCE_AT), aad).decrypt(sealed),
  }
}

/**
 * XAES-256-GCM (https://c2sp.org/XAES-256-GCM): AES-256-GCM with a key for each message. One key can seal any number of
 * messages. Throws KernelError `unsupported` unless `key` has 32 bytes.
 *
 * @example Seal a message, and open it
 * ```ts
 * import assert from "node:assert"
 * import { aes256gcm, makeKernel } from "@penstock/penstock"
 * import { Redacted } from "effect"
 *
 * const key = Redacted.make(crypto.getRandomValues(new Uint8Array(32)))
 * const cipher = makeKernel(aes256gcm(key))
 * const message = new TextEncoder().encode("hello")
 * assert.deepEqual(cipher.open(cipher.seal(message)), message)
 * ```
 */
export const aes256gcm = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"encrypt"> =>
  nonceCipherSpec(XAES, key, portableXaes)
