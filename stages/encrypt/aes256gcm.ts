/**
 * XAES-256-GCM: AES-256-GCM with nonces of 24 bytes, so that random ones never run out (https://c2sp.org/XAES-256-GCM).
 *
 * A sealed message is the nonce N (24 bytes), the ciphertext, and the tag (16 bytes). Each message has a key of its
 * own, which AES-CMAC derives from the first half of N (NIST SP 800-108r1, counter mode); AES-256-GCM then uses the
 * second half as its nonce. Portable: `@noble/ciphers`.
 */
import { ecb, gcm } from "@noble/ciphers/aes.js"
import type * as Redacted from "effect/Redacted"
import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelKey, type KeyParams } from "../kernel/key.ts"
import { type NonceCipher, randomNonces } from "./aead.ts"

/** The name in catalogs. */
export const NAME = "xaes-256-gcm"

/** Where in a nonce that of AES-256-GCM begins. The bytes before it go into the key of the message. */
export const MESSAGE_NONCE_AT = 12

/** AES-256 in ECB mode without padding. */
export type EncryptBlocks = (blocks: Uint8Array) => Uint8Array

/**
 * Makes the function from a 24-byte nonce to the 32-byte key of its message. `encryptBlocks` is AES-256-ECB under the
 * long-term key.
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
 * AES-256-GCM with a key per message (XAES-256-GCM); any number of messages may be sealed under one key.
 * Throws KernelError `unsupported` unless `key` has 32 bytes.
 */
export const aes256gcm = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"encrypt"> => {
  kernelKey(NAME, { key })
  return {
    stage: "encrypt",
    name: NAME,
    params: { key },
    make: (params: KeyParams) => randomNonces(NAME, portableXaes(kernelKey(NAME, params))),
  }
}
