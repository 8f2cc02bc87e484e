/** ChaCha20-Poly1305 and XChaCha20-Poly1305 by `node:crypto`, where it has the cipher: not on Bun. */
import { hchacha } from "@noble/ciphers/chacha.js"
import { type NonceCipher, randomNonces, TAG_BYTES } from "../../stages/encrypt/aead.ts"
import { CHACHA, CHACHA_NONCE_BYTES, portableChacha } from "../../stages/encrypt/chacha20poly1305.ts"
import { portableXchacha, XCHACHA } from "../../stages/encrypt/xchacha20poly1305.ts"
import type { Cipher } from "../../stages/kernel/kernel.ts"
import { kernelKey, type KeyParams } from "../../stages/kernel/key.ts"
import { trusted } from "../../stages/kernel/trusted.ts"
import { openNode, sealNode } from "./node_aead.ts"
import { once } from "./once.ts"

/** Whether `node:crypto` has ChaCha20-Poly1305 here. It is tried, because Bun lists ciphers that it cannot make. */
export const hasNodeChacha: () => boolean = once(() => {
  try {
    const none = new Uint8Array(0)
    const sealed = sealNode("chacha20-poly1305", new Uint8Array(32), new Uint8Array(12), Uint8Array.of(1), none)
    return sealed.reduce((sum, part) => sum + part.length, 0) === 1 + TAG_BYTES
  } catch {
    return false
  }
})

/** The ChaCha20-Poly1305 of `node:crypto` under a key of 32 bytes. */
export const nodeChacha = (key: Uint8Array): NonceCipher =>
  trusted<NonceCipher>({
    seal: (nonce, bytes, aad) => sealNode("chacha20-poly1305", key, nonce, bytes, aad),
    open: (nonce, sealed, aad) => openNode("chacha20-poly1305", key, nonce, sealed, aad),
  })

/** Kernel of `chacha20-poly1305`. The portable one where `node:crypto` lacks the cipher. */
export const nativeChacha = (params: KeyParams): Cipher => {
  const key = kernelKey(CHACHA, params)
  return randomNonces(CHACHA, hasNodeChacha() ? nodeChacha(key) : portableChacha(key), CHACHA_NONCE_BYTES)
}

/** XChaCha20-Poly1305 with the ChaCha20-Poly1305 of `node:crypto`, under a key of 32 bytes. */
export const nodeXchacha = (key: Uint8Array): NonceCipher => {
  const keyWords = words(key)
  return {
    seal: (nonce, bytes, aad) => sealNode("chacha20-poly1305", ...messageKey(keyWords, nonce), bytes, aad),
    open: (nonce, sealed, aad) => openNode("chacha20-poly1305", ...messageKey(keyWords, nonce), sealed, aad),
  }
}

/** Kernel of `xchacha20-poly1305`. The portable one where `node:crypto` lacks the cipher. */
export const nativeXchacha = (params: KeyParams): Cipher => {
  const key = kernelKey(XCHACHA, params)
  return randomNonces(XCHACHA, hasNodeChacha() ? nodeXchacha(key) : portableXchacha(key))
}

/** Key and nonce of the ChaCha20-Poly1305 (RFC 8439) with which XChaCha20-Poly1305 seals one message. */
const messageKey = (key: Uint32Array, nonce: Uint8Array): [Uint8Array, Uint8Array] => {
  const subkey = new Uint32Array(8)
  hchacha(SIGMA, key, words(nonce.subarray(0, 16)), subkey)
  const out = new Uint8Array(32)
  const view = new DataView(out.buffer)
  subkey.forEach((word, i) => view.setUint32(4 * i, word, true))
  const short = new Uint8Array(12)
  short.set(nonce.subarray(16), 4)
  return [out, short]
}

/** Bytes as little-endian words. */
const words = (bytes: Uint8Array): Uint32Array => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true))
}
/** The constant of ChaCha20 (RFC 8439, section 2.3). */
const SIGMA = words(new TextEncoder().encode("expand 32-byte k"))
