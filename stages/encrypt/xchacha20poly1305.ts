/**
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), with nonces of 24 bytes, so that random nonces do not repeat. A
 * sealed message is the nonce, the ciphertext, and the tag (16 bytes). Portable, by `@noble/ciphers`.
 */
import { xchacha20poly1305 as noble } from "@noble/ciphers/chacha.js"
import type * as Redacted from "effect/Redacted"
import type { KernelSpec } from "../kernel/kernel.ts"
import { type NonceCipher, nonceCipherSpec } from "./aead.ts"

/** The name in catalogs. */
export const XCHACHA = "xchacha20-poly1305"

/** The portable cipher under a 32-byte key. */
export const portableXchacha = (key: Uint8Array): NonceCipher => ({
  seal: (nonce, bytes, aad) => [noble(key, nonce, aad).encrypt(bytes)],
  open: (nonce, sealed, aad) => noble(key, nonce, aad).decrypt(sealed),
})

/**
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). One key can seal any number of messages. Throws KernelError
 * `unsupported` unless `key` has 32 bytes.
 *
 * @example Bind a message to its name
 * ```ts
 * import assert from "node:assert"
 * import { makeKernel, xchacha20poly1305 } from "@penstock/penstock"
 * import { Redacted } from "effect"
 *
 * const cipher = makeKernel(xchacha20poly1305(Redacted.make(crypto.getRandomValues(new Uint8Array(32)))))
 * const name = (text: string) => new TextEncoder().encode(text)
 * const sealed = cipher.seal(new Uint8Array(10), name("one"))
 * assert.deepEqual(cipher.open(sealed, name("one")), new Uint8Array(10))
 * assert.throws(() => cipher.open(sealed, name("two")), { reason: "forged" })
 * ```
 */
export const xchacha20poly1305 = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"encrypt"> =>
  nonceCipherSpec(XCHACHA, key, portableXchacha)
