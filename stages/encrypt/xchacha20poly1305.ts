/**
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): nonces of 24 bytes, so that random ones never run out.
 * A sealed message is the nonce, the ciphertext, and the tag (16 bytes). Portable: `@noble/ciphers`.
 */
import { xchacha20poly1305 as noble } from "@noble/ciphers/chacha.js"
import type * as Redacted from "effect/Redacted"
import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelKey, type KeyParams } from "../kernel/key.ts"
import { type NonceCipher, randomNonces } from "./aead.ts"

/** The name in catalogs. */
export const NAME = "xchacha20-poly1305"

/** The portable cipher under a 32-byte key. */
export const portableXchacha = (key: Uint8Array): NonceCipher => ({
  seal: (nonce, bytes, aad) => [noble(key, nonce, aad).encrypt(bytes)],
  open: (nonce, sealed, aad) => noble(key, nonce, aad).decrypt(sealed),
})

/**
 * XChaCha20-Poly1305; any number of messages may be sealed under one key.
 * Throws KernelError `unsupported` unless `key` has 32 bytes.
 */
export const xchacha20poly1305 = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"encrypt"> => {
  kernelKey(NAME, { key })
  return {
    stage: "encrypt",
    name: NAME,
    params: { key },
    make: (params: KeyParams) => randomNonces(NAME, portableXchacha(kernelKey(NAME, params))),
  }
}
