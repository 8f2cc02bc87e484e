/**
 * Twofish-256 in counter mode with HMAC-SHA256 over the ciphertext: the cipher of FogSync Mark III.
 *
 * A sealed message is a nonce (24 random bytes), the ciphertext, and an authentication code (32 bytes) over both. The
 * first 16 bytes of the nonce are the first counter. When there is additional data, the code over it becomes the key of
 * the code over the message.
 */
import { concat } from "effect/Bytes"
import * as Redacted from "effect/Redacted"
import { hmac } from "../hash/hmac.ts"
import { sha256 } from "../hash/sha256.ts"
import { type Cipher, type Hasher, KernelError, type KernelSpec } from "../kernel/kernel.ts"
import type { KeyParams } from "../kernel/key.ts"
import { trusted } from "../kernel/trusted.ts"
import { forged, NONCE_BYTES } from "./aead.ts"
import { KEY_BYTES, TwofishCounter, type TwofishKey, twofishKey } from "./twofish.ts"

/** The name in catalogs. */
export const TWOFISH = "twofish-256-ctr-hmac-sha256"
/** Bytes of an authentication code. */
export const MAC_BYTES = 32

/** What is needed to seal and open under one key. */
export interface TwofishSecret {
  readonly cipher: TwofishKey
  readonly mac: Uint8Array
  /** SHA-256. */
  readonly hasher: Hasher
}

/**
 * Makes a key ready for use. 64 bytes are the key of the cipher and the key of the code. 32 bytes are a share key, from
 * which both are derived: SHA-256(key + "cipher") and SHA-256(key + "hmac"). Throws KernelError `unsupported` for any
 * other length.
 */
export const twofishSecret = (params: KeyParams, hasher: Hasher): TwofishSecret => {
  const key = Redacted.value(params.key)
  if (key.length === 2 * KEY_BYTES) {
    return { cipher: twofishKey(key.subarray(0, KEY_BYTES)), mac: key.slice(KEY_BYTES), hasher }
  }
  if (key.length !== KEY_BYTES) {
    throw new KernelError({
      kernel: TWOFISH,
      reason: "unsupported",
      message: `Cannot use a key of ${key.length} bytes with ${TWOFISH}: it must have 32 or 64`,
    })
  }
  const derived = (purpose: string): Uint8Array => {
    const state = hasher.create()
    state.update(key)
    state.update(new TextEncoder().encode(purpose))
    return state.digest()
  }
  return { cipher: twofishKey(derived("cipher")), mac: derived("hmac"), hasher }
}

/** Whether two codes are the same. The time does not depend on where they differ. */
export const sameCode = (a: Uint8Array, b: Uint8Array): boolean => {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

/** The kernel. `hasher`: SHA-256. */
export const twofishCipher = (params: KeyParams, hasher: Hasher): Cipher => {
  const { cipher, mac } = twofishSecret(params, hasher)
  const code = hmac(hasher, mac)
  const tag = (nonce: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array): Uint8Array => {
    let start = code
    if (aad.length > 0) {
      const own = code()
      own.update(aad)
      start = hmac(hasher, own.digest())
    }
    const state = start()
    state.update(nonce)
    state.update(ciphertext)
    return state.digest()
  }
  const apply = (nonce: Uint8Array, bytes: Uint8Array): Uint8Array => {
    const out = bytes.slice()
    new TwofishCounter(cipher, nonce).apply(out)
    return out
  }
  return trusted<Cipher>({
    overhead: NONCE_BYTES + MAC_BYTES,
    seal: (bytes, aad = NO_AAD) => {
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
      const ciphertext = apply(nonce, bytes)
      return concat([nonce, ciphertext, tag(nonce, ciphertext, aad)])
    },
    open: (bytes, aad = NO_AAD) => {
      const nonce = bytes.subarray(0, NONCE_BYTES)
      const ciphertext = bytes.subarray(NONCE_BYTES, -MAC_BYTES)
      if (
        bytes.length < NONCE_BYTES + MAC_BYTES || !sameCode(bytes.subarray(-MAC_BYTES), tag(nonce, ciphertext, aad))
      ) {
        throw forged(TWOFISH)
      }
      return apply(nonce, ciphertext)
    },
  })
}

const NO_AAD = new Uint8Array(0)

/**
 * Twofish-256 in counter mode with HMAC-SHA256, for data of FogSync. For anything new, `aes256gcm` is the better
 * choice. `key` has 64 bytes (the key of the cipher, then that of the authentication) or 32, from which both are
 * derived. Throws KernelError `unsupported` for any other length.
 *
 * @example Open what was sealed with the same share key
 * ```ts
 * import assert from "node:assert"
 * import { makeKernel, twofish256ctr } from "@penstock/penstock"
 * import { Redacted } from "effect"
 *
 * const shareKey = Redacted.make(new Uint8Array(32).fill(7))
 * const sealed = makeKernel(twofish256ctr(shareKey)).seal(new Uint8Array(10))
 * assert.deepEqual(makeKernel(twofish256ctr(shareKey)).open(sealed), new Uint8Array(10))
 * ```
 */
export const twofish256ctr = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"encrypt"> => {
  const make = (params: KeyParams): Cipher => twofishCipher(params, sha256.make(undefined as never) as Hasher)
  make({ key })
  return { stage: "encrypt", name: TWOFISH, params: { key }, make }
}
