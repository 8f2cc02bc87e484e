/** AEADs of `node:crypto`, with a nonce of 12 bytes, the tag last. */
import { createCipheriv, createDecipheriv } from "node:crypto"
import { TAG_BYTES } from "../../stages/encrypt/aead.ts"

/** Those that are used here. Bun lacks the second. */
export type NodeAead = "aes-256-gcm" | "chacha20-poly1305"

/** Ciphertext and tag, in parts. `key` has 32 bytes. */
export const sealNode = (
  name: NodeAead,
  key: Uint8Array,
  nonce: Uint8Array,
  bytes: Uint8Array,
  aad: Uint8Array,
): ReadonlyArray<Uint8Array> => {
  const cipher = createCipheriv(name as "chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES })
  if (aad.length > 0) cipher.setAAD(aad, { plaintextLength: bytes.length })
  const parts = [cipher.update(bytes), cipher.final()]
  return [...parts, cipher.getAuthTag()]
}

/** The inverse of {@link sealNode}, from one array. Throws when the tag does not fit. */
export const openNode = (
  name: NodeAead,
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  aad: Uint8Array,
): Uint8Array => {
  const size = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(name as "chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(size))
  if (aad.length > 0) decipher.setAAD(aad, { plaintextLength: size })
  const opened = decipher.update(sealed.subarray(0, size))
  decipher.final()
  return new Uint8Array(opened.buffer, opened.byteOffset, opened.length)
}
