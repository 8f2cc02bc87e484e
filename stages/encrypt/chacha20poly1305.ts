/**
 * ChaCha20-Poly1305 (RFC 8439): nonces of 12 bytes. Random ones may repeat after some 2^32 messages under one key, so a
 * format that uses it says how it stays far below that. A sealed message is the nonce, the ciphertext, and the tag (16
 * bytes). Portable: `@noble/ciphers`.
 */
import { chacha20poly1305 as noble } from "@noble/ciphers/chacha.js"
import type * as Redacted from "effect/Redacted"
import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelKey, type KeyParams } from "../kernel/key.ts"
import { trusted } from "../kernel/trusted.ts"
import { type NonceCipher, randomNonces } from "./aead.ts"

/** The name in catalogs. */
export const NAME = "chacha20-poly1305"
/** Bytes of a nonce. */
export const NONCE_BYTES = 12

/** The portable cipher under a 32-byte key. */
export const portableChacha = (key: Uint8Array): NonceCipher =>
  trusted<NonceCipher>({
    seal: (nonce, bytes, aad) => [noble(key, nonce, aad).encrypt(bytes)],
    open: (nonce, sealed, aad) => noble(key, nonce, aad).decrypt(sealed),
  })

/** ChaCha20-Poly1305 with random nonces of 12 bytes. Throws KernelError `unsupported` unless `key` has 32 bytes. */
export const chacha20poly1305 = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"encrypt"> => {
  kernelKey(NAME, { key })
  return {
    stage: "encrypt",
    name: NAME,
    params: { key },
    make: (params: KeyParams) => randomNonces(NAME, portableChacha(kernelKey(NAME, params)), NONCE_BYTES),
  }
}
