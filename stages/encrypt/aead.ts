/**
 * Ciphers whose messages carry a random nonce, of 24 bytes by default: nonce, ciphertext, tag of 16 bytes. Internal to
 * the ciphers and their tests.
 */
import type * as Redacted from "effect/Redacted"
import { kernelKey, type KeyParams } from "../kernel/key.ts"
import { type Cipher, KernelError, type KernelSpec } from "../kernel/kernel.ts"
import { release } from "../memory/release.ts"
import { trusted } from "../kernel/trusted.ts"

/** Bytes of a nonce, unless a cipher has another length. */
export const NONCE_BYTES = 24
/** Bytes of a tag. */
export const TAG_BYTES = 16

/** The KernelError of a message that was not sealed with this key and this additional data. */
export const forged = (kernel: string): KernelError =>
  new KernelError({
    kernel,
    reason: "forged",
    message: `Cannot open a message sealed with ${kernel}: the key is wrong, or the message was altered`,
  })

/**
 * An authenticated cipher with a nonce from outside. A sealed message has the tag at its end. Results are in fresh
 * memory. `aad`: additional data, which is authenticated and not stored.
 */
export interface NonceCipher {
  /** Encrypts. Returns the ciphertext and the tag, in pieces. */
  readonly seal: (nonce: Uint8Array, bytes: Uint8Array, aad: Uint8Array) => ReadonlyArray<Uint8Array>
  /** Decrypts. Returns undefined, or throws anything, when the tag does not fit. */
  readonly open: (nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array) => Uint8Array | undefined
  /** See `Cipher.sealLater`. */
  readonly sealLater?: (nonce: Uint8Array, bytes: Uint8Array, aad: Uint8Array) => Promise<ReadonlyArray<Uint8Array>>
}

const NO_AAD = new Uint8Array(0)

/** Seals with a given nonce, for test vectors. Never use a nonce twice with one key. */
export const sealWith = (
  cipher: NonceCipher,
  nonce: Uint8Array,
  bytes: Uint8Array,
  aad: Uint8Array = NO_AAD,
): Uint8Array => join(nonce, bytes.length, cipher.seal(nonce, bytes, aad))

/** The message in one array. Frees the memory of its parts. */
const join = (nonce: Uint8Array, length: number, parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const out = new Uint8Array(nonce.length + length + TAG_BYTES)
  out.set(nonce)
  let at = nonce.length
  for (const part of parts) {
    out.set(part, at)
    at += part.length
    release(part)
  }
  return out
}

/** The kernel of a cipher, with a fresh random nonce for each message. */
export const randomNonces = (kernel: string, cipher: NonceCipher, nonceBytes: number = NONCE_BYTES): Cipher =>
  trusted<Cipher>({
    overhead: nonceBytes + TAG_BYTES,
    seal: (bytes, aad) => sealWith(cipher, crypto.getRandomValues(new Uint8Array(nonceBytes)), bytes, aad),
    ...(cipher.sealLater === undefined ? {} : {
      sealLater: async (bytes: Uint8Array, aad: Uint8Array = NO_AAD) => {
        const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes))
        return join(nonce, bytes.length, await cipher.sealLater!(nonce, bytes, aad))
      },
    }),
    open: (bytes, aad) => {
      if (bytes.length < nonceBytes + TAG_BYTES) throw forged(kernel)
      let opened: Uint8Array | undefined
      try {
        opened = cipher.open(bytes.subarray(0, nonceBytes), bytes.subarray(nonceBytes), aad ?? NO_AAD)
      } catch {
        opened = undefined
      }
      if (opened === undefined) throw forged(kernel)
      return opened
    },
  })

/**
 * The spec of a cipher with random nonces under a key of 32 bytes. `portable` makes the cipher. Throws KernelError
 * `unsupported` for a key of another length.
 */
export const nonceCipherSpec = (
  name: string,
  key: Redacted.Redacted<Uint8Array>,
  portable: (key: Uint8Array) => NonceCipher,
  nonceBytes: number = NONCE_BYTES,
): KernelSpec<"encrypt"> => {
  kernelKey(name, { key })
  return {
    stage: "encrypt",
    name,
    params: { key },
    make: (params: KeyParams) => randomNonces(name, portable(kernelKey(name, params)), nonceBytes),
  }
}
