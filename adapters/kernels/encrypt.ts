/** Ciphers by `node:crypto`. */
import { createCipheriv, createDecipheriv } from "node:crypto"
import { hchacha } from "@noble/ciphers/chacha.js"
import { type NonceCipher, randomNonces, TAG_BYTES } from "../../stages/encrypt/aead.ts"
import { NAME as CHACHA, NONCE_BYTES, portableChacha } from "../../stages/encrypt/chacha20poly1305.ts"
import { kernelKey, type KeyParams } from "../../stages/kernel/key.ts"
import { messageKeys, NAME as XAES } from "../../stages/encrypt/aes256gcm.ts"
import { NAME as XCHACHA, portableXchacha } from "../../stages/encrypt/xchacha20poly1305.ts"
import type { Cipher } from "../../stages/kernel/kernel.ts"
import { trusted } from "../../stages/kernel/trusted.ts"

/** An AEAD of `node:crypto` with a 12-byte nonce, tag last. */
const sealNode = (
  name: "aes-256-gcm" | "chacha20-poly1305",
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

const openNode = (
  name: "aes-256-gcm" | "chacha20-poly1305",
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

/** AES-256-GCM by WebCrypto, which works on another thread. */
const sealWeb = async (
  key: Uint8Array,
  nonce: Uint8Array,
  bytes: Uint8Array,
  aad: Uint8Array,
): Promise<ReadonlyArray<Uint8Array>> => {
  const own = (array: Uint8Array): Uint8Array<ArrayBuffer> => array as Uint8Array<ArrayBuffer>
  const webKey = await crypto.subtle.importKey("raw", own(key), "AES-GCM", false, ["encrypt"])
  const algorithm = { name: "AES-GCM", iv: own(nonce), additionalData: own(aad), tagLength: 8 * TAG_BYTES }
  return [new Uint8Array(await crypto.subtle.encrypt(algorithm, webKey, own(bytes)))]
}

/** Where WebCrypto is worth waiting for: the AES-GCM of `node:crypto` on Deno is ten times slower. */
export const WEB_CRYPTO_WINS: boolean = "Deno" in globalThis

/** The native XAES-256-GCM under a 32-byte key; with WebCrypto for those who can wait, where that is faster. */
export const nodeXaes = (key: Uint8Array, later: boolean = WEB_CRYPTO_WINS): NonceCipher => {
  const keyFor = messageKeys((blocks) => createCipheriv("aes-256-ecb", key, null).setAutoPadding(false).update(blocks))
  return {
    seal: (nonce, bytes, aad) => sealNode("aes-256-gcm", keyFor(nonce), nonce.subarray(12), bytes, aad),
    open: (nonce, sealed, aad) => openNode("aes-256-gcm", keyFor(nonce), nonce.subarray(12), sealed, aad),
    ...(later ? { sealLater: (nonce, bytes, aad) => sealWeb(keyFor(nonce), nonce.subarray(12), bytes, aad) } : {}),
  }
}

const words = (bytes: Uint8Array): Uint32Array => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true))
}
const SIGMA = words(new TextEncoder().encode("expand 32-byte k"))

/** Key and nonce of the ChaCha20-Poly1305 (RFC 8439) that a message of XChaCha20-Poly1305 is sealed with. */
const chachaKey = (key: Uint32Array, nonce: Uint8Array): [Uint8Array, Uint8Array] => {
  const subkey = new Uint32Array(8)
  hchacha(SIGMA, key, words(nonce.subarray(0, 16)), subkey)
  const out = new Uint8Array(32)
  const view = new DataView(out.buffer)
  subkey.forEach((word, i) => view.setUint32(4 * i, word, true))
  const short = new Uint8Array(12)
  short.set(nonce.subarray(16), 4)
  return [out, short]
}

/** XChaCha20-Poly1305 with the ChaCha20-Poly1305 of `node:crypto`. */
export const nodeXchacha = (key: Uint8Array): NonceCipher => {
  const keyWords = words(key)
  return {
    seal: (nonce, bytes, aad) => sealNode("chacha20-poly1305", ...chachaKey(keyWords, nonce), bytes, aad),
    open: (nonce, sealed, aad) => openNode("chacha20-poly1305", ...chachaKey(keyWords, nonce), sealed, aad),
  }
}

/** The ChaCha20-Poly1305 of `node:crypto`. */
export const nodeChacha = (key: Uint8Array): NonceCipher =>
  trusted<NonceCipher>({
    seal: (nonce, bytes, aad) => sealNode("chacha20-poly1305", key, nonce, bytes, aad),
    open: (nonce, sealed, aad) => openNode("chacha20-poly1305", key, nonce, sealed, aad),
  })

let chacha: boolean | undefined

/**
 * Whether `node:crypto` has ChaCha20-Poly1305 here: tried, not looked up, since Bun lists ciphers that it cannot make.
 */
export const hasNodeChacha = (): boolean => {
  if (chacha !== undefined) return chacha
  try {
    const none = new Uint8Array(0)
    const sealed = sealNode("chacha20-poly1305", new Uint8Array(32), new Uint8Array(12), Uint8Array.of(1), none)
    chacha = sealed.reduce((sum, part) => sum + part.length, 0) === 1 + TAG_BYTES
  } catch {
    chacha = false
  }
  return chacha
}

/** Kernel of `xaes-256-gcm`. */
export const nativeXaes = (params: KeyParams): Cipher => randomNonces(XAES, nodeXaes(kernelKey(XAES, params)))

/** Kernel of `xchacha20-poly1305`; the portable one where `node:crypto` lacks the cipher. */
export const nativeXchacha = (params: KeyParams): Cipher => {
  const key = kernelKey(XCHACHA, params)
  return randomNonces(XCHACHA, hasNodeChacha() ? nodeXchacha(key) : portableXchacha(key))
}

/** Kernel of `chacha20-poly1305`; the portable one where `node:crypto` lacks the cipher. */
export const nativeChacha = (params: KeyParams): Cipher => {
  const key = kernelKey(CHACHA, params)
  return randomNonces(CHACHA, hasNodeChacha() ? nodeChacha(key) : portableChacha(key), NONCE_BYTES)
}
