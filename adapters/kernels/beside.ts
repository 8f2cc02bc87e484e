/** Decoders that run on threads of the runtime, beside the one that JavaScript is on. */
import { createCipheriv } from "node:crypto"
import type { BesideTable } from "../../stages/kernel/codec.ts"
import { forged, NONCE_BYTES } from "../../stages/encrypt/aead.ts"
import { messageKeys, NAME as XAES } from "../../stages/encrypt/aes256gcm.ts"
import { kernelKey, type KeyParams } from "../../stages/kernel/key.ts"

/** What is shorter is decoded faster than it is handed over. */
const WORTH_BYTES = 32 << 10

/** XAES-256-GCM by WebCrypto. On Deno that is also three times as fast as `node:crypto`. */
const xaes = (params: KeyParams): (bytes: Uint8Array) => Promise<Uint8Array> | undefined => {
  const key = kernelKey(XAES, params)
  const keyFor = messageKeys((blocks) => createCipheriv("aes-256-ecb", key, null).setAutoPadding(false).update(blocks))
  const open = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> => {
    const messageKey = await crypto.subtle.importKey(
      "raw",
      new Uint8Array(keyFor(bytes.subarray(0, NONCE_BYTES))),
      "AES-GCM",
      false,
      ["decrypt"],
    )
    try {
      const parameters = { name: "AES-GCM", iv: bytes.subarray(12, NONCE_BYTES) }
      return new Uint8Array(await crypto.subtle.decrypt(parameters, messageKey, bytes.subarray(NONCE_BYTES)))
    } catch {
      throw forged(XAES)
    }
  }
  return (bytes) => {
    if (bytes.length < WORTH_BYTES) return undefined
    return open(bytes as Uint8Array<ArrayBuffer>)
  }
}

/**
 * Give it to `Beside` of stages/kernel/codec.ts. Measured on Node and Bun, handing blocks over costs this thread
 * as much as decoding them, and more in all; so only what Deno is slow at is here.
 */
export const besideKernels: BesideTable = "Deno" in globalThis ? { "encrypt:xaes-256-gcm": xaes } : {}
