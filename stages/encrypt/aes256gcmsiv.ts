/**
 * AES-256-GCM-SIV (RFC 8452), with nonces of 12 bytes. A sealed message is the nonce, the ciphertext, and the tag (16
 * bytes). Portable, by `@noble/ciphers`.
 */
import { gcmsiv as noble } from "@noble/ciphers/aes.js"
import type * as Redacted from "effect/Redacted"
import type { KernelSpec } from "../kernel/kernel.ts"
import { type NonceCipher, nonceCipherSpec } from "./aead.ts"

/** The name in catalogs. */
const AES_GCM_SIV = "aes-256-gcm-siv"
const NONCE_BYTES = 12

/** The portable cipher under a 32-byte key. */
export const portableAesGcmSiv = (key: Uint8Array): NonceCipher => ({
  seal: (nonce, bytes, aad) => [noble(key, nonce, aad).encrypt(bytes)],
  open: (nonce, sealed, aad) => noble(key, nonce, aad).decrypt(sealed),
})

/**
 * AES-256-GCM-SIV (RFC 8452) with random nonces of 12 bytes. A nonce that comes twice tells only whether the two
 * messages are equal; still, use one key for at most 2^32 messages. It has no native kernel, so `aes256gcm` is many
 * times as fast on Node and Bun; and its nonces do not come twice. Throws KernelError `unsupported` unless `key` has 32
 * bytes.
 *
 * @example Notice a message that was altered
 * ```ts
 * import assert from "node:assert"
 * import { aes256gcmsiv, makeKernel } from "@penstock/penstock"
 * import { Redacted } from "effect"
 *
 * const cipher = makeKernel(aes256gcmsiv(Redacted.make(crypto.getRandomValues(new Uint8Array(32)))))
 * const sealed = cipher.seal(new Uint8Array(10))
 * const altered = sealed.map((byte, i) => i === 20 ? byte ^ 1 : byte)
 * assert.throws(() => cipher.open(altered), { reason: "forged" })
 * ```
 */
export const aes256gcmsiv = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"encrypt"> =>
  nonceCipherSpec(AES_GCM_SIV, key, portableAesGcmSiv, NONCE_BYTES)
