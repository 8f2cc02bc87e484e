/** XAES-256-GCM by `node:crypto`, and by WebCrypto, which works on another thread of the runtime. */
import { createCipheriv } from "node:crypto"
import { forged, NONCE_BYTES, type NonceCipher, randomNonces, TAG_BYTES } from "../../stages/encrypt/aead.ts"
import { MESSAGE_NONCE_AT, messageKeys, XAES } from "../../stages/encrypt/aes256gcm.ts"
import type { Cipher } from "../../stages/kernel/kernel.ts"
import { kernelKey, type KeyParams } from "../../stages/kernel/key.ts"
import { openNode, sealNode } from "./node_aead.ts"

/** Whether WebCrypto is worth the wait. The AES-GCM of `node:crypto` is ten times slower on Deno. */
export const WEB_CRYPTO_WINS: boolean = "Deno" in globalThis

/** A shorter message is opened faster than it is handed to another thread. */
const WORTH_BYTES = 32 << 10

/** From the nonce of a message to its key, under a long-term key of 32 bytes. */
const keysUnder = (key: Uint8Array) =>
  messageKeys((blocks) => createCipheriv("aes-256-ecb", key, null).setAutoPadding(false).update(blocks))

/**
 * The native cipher under a key of 32 bytes. `later`: whether it also seals by WebCrypto, for callers that can wait.
 */
export const nodeXaes = (key: Uint8Array, later: boolean = WEB_CRYPTO_WINS): NonceCipher => {
  const keyFor = keysUnder(key)
  const short = (nonce: Uint8Array): Uint8Array => nonce.subarray(MESSAGE_NONCE_AT)
  return {
    seal: (nonce, bytes, aad) => sealNode("aes-256-gcm", keyFor(nonce), short(nonce), bytes, aad),
    open: (nonce, sealed, aad) => openNode("aes-256-gcm", keyFor(nonce), short(nonce), sealed, aad),
    ...(later ? { sealLater: (nonce, bytes, aad) => sealWeb(keyFor(nonce), short(nonce), bytes, aad) } : {}),
  }
}

/** Kernel of `xaes-256-gcm`. */
export const nativeXaes = (params: KeyParams): Cipher => randomNonces(XAES, nodeXaes(kernelKey(XAES, params)))

/**
 * Opens messages without additional data by WebCrypto. Undefined for a message that is not worth it. Rejects with
 * KernelError `forged`.
 */
export const openXaesBeside = (params: KeyParams): (bytes: Uint8Array) => Promise<Uint8Array> | undefined => {
  const keyFor = keysUnder(kernelKey(XAES, params))
  const open = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const nonce = bytes.subarray(0, NONCE_BYTES)
    const messageKey = await webKey(keyFor(nonce), "decrypt")
    try {
      return await openWeb(messageKey, nonce.subarray(MESSAGE_NONCE_AT), bytes.subarray(NONCE_BYTES))
    } catch {
      throw forged(XAES)
    }
  }
  return (bytes) => bytes.length < WORTH_BYTES ? undefined : open(bytes)
}

/** WebCrypto refuses shared memory, which none of these arrays has. */
const own = (array: Uint8Array): Uint8Array<ArrayBuffer> => array as Uint8Array<ArrayBuffer>

const webKey = (key: Uint8Array, use: "encrypt" | "decrypt"): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", own(key), "AES-GCM", false, [use])

const sealWeb = async (
  key: Uint8Array,
  nonce: Uint8Array,
  bytes: Uint8Array,
  aad: Uint8Array,
): Promise<ReadonlyArray<Uint8Array>> => {
  const algorithm = { name: "AES-GCM", iv: own(nonce), additionalData: own(aad), tagLength: 8 * TAG_BYTES }
  return [new Uint8Array(await crypto.subtle.encrypt(algorithm, await webKey(key, "encrypt"), own(bytes)))]
}

const openWeb = async (key: CryptoKey, nonce: Uint8Array, sealed: Uint8Array): Promise<Uint8Array> => {
  const algorithm = { name: "AES-GCM", iv: own(nonce), tagLength: 8 * TAG_BYTES }
  return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, own(sealed)))
}
