/**
 * Twofish-256 in counter mode with HMAC-SHA256 over what was encrypted: the cipher of FogSync Mark III.
 *
 * A sealed message is a nonce (24 random bytes), the ciphertext, and the code (32 bytes) over both. The first 16 bytes
 * of the nonce are the first counter. Additional data, when there is some, is authenticated by a code of its own, which
 * then is the key of the first.
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
export const NAME = "twofish-256-ctr-hmac-sha256"
/** Bytes of a code. */
export const MAC_BYTES = 32

/** What seals and opens under one key. */
export interface TwofishSecret {
  readonly cipher: TwofishKey
  readonly mac: Uint8Array
  /** SHA-256. */
  readonly hasher: Hasher
}

/**
 * Makes a key ready: 64 bytes are the keys of cipher and code, 32 bytes are a share key, of which both are derived:
 * SHA-256(key + "cipher") and SHA-256(key + "hmac"). Throws KernelError `unsupported` for any other length.
 */
export const twofishSecret = (params: KeyParams, hasher: Hasher): TwofishSecret => {
  const key = Redacted.value(params.key)
  if (key.length === 2 * KEY_BYTES) {
    return { cipher: twofishKey(key.subarray(0, KEY_BYTES)), mac: key.slice(KEY_BYTES), hasher }
  }
  if (key.length !== KEY_BYTES) {
    throw new KernelError({
      kernel: NAME,
      reason: "unsupported",
      message: `Cannot use a key of ${key.length} bytes with ${NAME}: it must have 32 or 64`,
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

/** Whether two codes are the same, in time that does not depend on where they differ. */
export const sameCode = (a: Uint8Array, b: Uint8Array): boolean => {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

/** The cipher over a given SHA-256. */
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
        throw forged(NAME)
      }
      return apply(nonce, ciphertext)
    },
  })
}

const NO_AAD = new Uint8Array(0)

/**
 * Twofish-256 in counter mode with HMAC-SHA256, for data of FogSync; XAES-256-GCM is the better choice for anything
 * new. `key`: 32 or 64 bytes, see {@link twofishSecret}.
 */
export const twofish256ctr = (key: Redacted.Redacted<Uint8Array>): KernelSpec<"encrypt"> => {
  const make = (params: KeyParams): Cipher => twofishCipher(params, sha256.make(undefined as never) as Hasher)
  make({ key })
  return { stage: "encrypt", name: NAME, params: { key }, make }
}
