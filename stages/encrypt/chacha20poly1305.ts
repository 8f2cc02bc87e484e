/**
 * ChaCha20-Poly1305 (RFC 8439), with nonces of 12 bytes. A sealed message is the nonce, the ciphertext, and the tag (16
 * bytes). Random nonces may repeat after about 2^32 messages under one key: a format that uses this cipher says how it
 * stays far below that. Portable, by `@noble/ciphers`.
 */
import { chacha20poly1305 as noble } from "@noble/ciphers/chacha.js"
import type * as Redacted from "effect/Redacted"
import type { KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { type NonceCipher, nonceCipherSpec } from "./aead.ts"

/** The name in catalogs. */
export const CHACHA = "chacha20-poly1305"
/** Bytes of a nonce of this cipher. */
export const CHACHA_NONCE_BYTES = 12

/** The portable cipher under a 32-byte key. */
export const portableChacha = (key: Uint8Array): NonceCipher =>
  trusted<NonceCipher>({
    seal: (nonce, bytes, aad) => [noble(key, nonce, aad).encrypt(bytes)],
    open: (nonce, sealed, aad) => noble(key, nonce, aad).decrypt(sealed),
  })

/**
 * ChaCha20-Poly1305 (RFC 8439) with random nonces of 12 bytes, for formats of others that ask for it. Use one key for
 * far fewer than 2^32 messages; `xchacha20poly1305` has no such limit. Throws KernelError `unsupported` unless `key`
 * has 32 bytes.
 *
 * @example Notice a message that was altered
 * ```ts
 * import assert from "node:assert"
 * import { chacha20poly1305, makeKernel } from "@penstock/penstock"
 * import { Redacted } from "effect"
 *
 * const cipher = makeKernel(chacha20poly1305(Redacted.make(crypto.getRandomValues(new Uint8Array(32)))))
 * const sealed = cipher.seal(new Uint8Array(10))
 * const altered = sealed.map((byte, i) => i === 20 ? byte ^ 1 : byte)
 * assert.throws(() => cipher.open(altered), { reason: "forged" })
 * ```
 */
export const chacha20poly1305 = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"encrypt"> =>
  nonceCipherSpec(CHACHA, key, portableChacha, CHACHA_NONCE_BYTES)
