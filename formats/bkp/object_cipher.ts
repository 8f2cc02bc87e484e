/** Encrypts and decrypts stored objects. SPEC.md, "Encryption". */
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import * as Redacted from "effect/Redacted"
import { chacha20poly1305 } from "../../stages/encrypt/chacha20poly1305.ts"
import { type Cipher, type KernelTable, makeKernel } from "../../stages/kernel/kernel.ts"

/**
 * Which key encrypts an object: `per-object` derives one from its name, `one` uses the master key for all, as the
 * program of the document does.
 */
export type KeyScheme = "per-object" | "one"

/** What happens to the bytes of an object between memory and store. */
export interface ObjectCipher {
  /** Bytes that encryption adds to an object. */
  readonly overhead: number
  /** Encrypts the object with this name in the store. */
  readonly encrypt: (name: string, bytes: Uint8Array) => Uint8Array
  /** The inverse. Throws KernelError `forged` if another key, or another name, was used to encrypt. */
  readonly decrypt: (name: string, bytes: Uint8Array) => Uint8Array
}

/** Stores objects as they are. */
export const noCipher: ObjectCipher = {
  overhead: 0,
  encrypt: (_name, bytes) => bytes,
  decrypt: (_name, bytes) => bytes,
}

const encoder = new TextEncoder()
const DATA = encoder.encode("data")
const META = encoder.encode("meta")
const KEY_INFO = "penstock bkp 1 object "

const additionalData = (name: string): Uint8Array => name.startsWith("blocks/") ? DATA : META

/** ChaCha20-Poly1305 under a master key of 32 bytes, or under keys derived from it. */
export const makeObjectCipher = (
  master: Redacted.Redacted<Uint8Array>,
  scheme: KeyScheme,
  table: KernelTable,
): ObjectCipher => {
  const shared = makeKernel(chacha20poly1305(master), table)
  const cipherFor = (name: string): Cipher => {
    if (scheme === "one") return shared
    const key = hkdf(sha256, Redacted.value(master), undefined, encoder.encode(KEY_INFO + name), 32)
    return makeKernel(chacha20poly1305(Redacted.make(key)), table)
  }
  return {
    overhead: shared.overhead,
    encrypt: (name, bytes) => cipherFor(name).seal(bytes, additionalData(name)),
    decrypt: (name, bytes) => cipherFor(name).open(bytes, additionalData(name)),
  }
}
