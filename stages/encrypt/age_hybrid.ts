/**
 * Hybrid keys of age (`age1pq1…`): X25519 together with ML-KEM-768, so that a quantum computer alone opens nothing.
 * Here is what a header of an age file has as text, as bytes: a file key that is wrapped for a recipient
 * (https://c2sp.org/age#the-hybrid-post-quantum-recipient-type). HPKE is RFC 9180 in base mode.
 */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { expand, extract } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bech32 } from "@scure/base"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { KernelError } from "../kernel/kernel.ts"

/** Bytes of the seed of an identity. */
export const HYBRID_SEED_BYTES = 32
/** Bytes of a file key, and of one that is wrapped: what X25519 and ML-KEM-768 make, and the sealed file key. */
export const FILE_KEY_BYTES = 16
const ENCAPSULATED_BYTES = 1120
export const WRAPPED_BYTES: number = ENCAPSULATED_BYTES + FILE_KEY_BYTES + 16

const PUBLIC_BYTES = 1216
const RECIPIENT = "age1pq"

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)
const NONE = new Uint8Array(0)
/** "HPKE", the KEM MLKEM768-X25519 (0x647a), HKDF-SHA256 (1) and ChaCha20Poly1305 (3). */
const SUITE: Uint8Array = concat([ascii("HPKE"), Uint8Array.of(0x64, 0x7a, 0, 1, 0, 3)])
const INFO: Uint8Array = ascii("age-encryption.org/mlkem768x25519")

/** Loading it takes some 35 ms. */
const library = Effect.promise(() => import("@noble/post-quantum/hybrid.js"))

const labeledExtract = (salt: Uint8Array, label: string, input: Uint8Array): Uint8Array =>
  extract(sha256, concat([ascii("HPKE-v1"), SUITE, ascii(label), input]), salt)

const labeledExpand = (secret: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array =>
  expand(sha256, secret, concat([Uint8Array.of(0, length), ascii("HPKE-v1"), SUITE, ascii(label), info]), length)

/** The cipher of the one message that a shared secret seals. */
const cipherOf = (shared: Uint8Array) => {
  const context = concat([
    Uint8Array.of(0),
    labeledExtract(NONE, "psk_id_hash", NONE),
    labeledExtract(NONE, "info_hash", INFO),
  ])
  const secret = labeledExtract(shared, "secret", NONE)
  return chacha20poly1305(labeledExpand(secret, "key", context, 32), labeledExpand(secret, "base_nonce", context, 12))
}

/** The recipient (`age1pq1…`) of a seed. Takes about 10 ms. */
export const hybridRecipient = (seed: Redacted.Redacted<Uint8Array>): Effect.Effect<string> =>
  Effect.map(
    library,
    ({ ml_kem768_x25519 }) =>
      bech32.encode(RECIPIENT, bech32.toWords(ml_kem768_x25519.getPublicKey(Redacted.value(seed))), false),
  )

/** The public key in a recipient; undefined when it is no hybrid recipient. */
const publicKeyOf = (recipient: string): Uint8Array | undefined => {
  try {
    const { prefix, words } = bech32.decode(recipient as `${string}1${string}`, false)
    const bytes = bech32.fromWords(words)
    return prefix === RECIPIENT && bytes.length === PUBLIC_BYTES ? bytes : undefined
  } catch {
    return undefined
  }
}

/**
 * Wraps a file key (16 bytes) for a recipient. Gives 1,152 bytes: the two fields of the stanza, one after the other.
 * Fails with KernelError `unsupported` when it is no hybrid recipient.
 */
export const wrapHybrid: (recipient: string, fileKey: Uint8Array) => Effect.Effect<Uint8Array, KernelError> = Effect
  .fnUntraced(function* (recipient, fileKey) {
    const { ml_kem768_x25519 } = yield* library
    const publicKey = publicKeyOf(recipient)
    if (publicKey === undefined) {
      const message = `"${recipient.slice(0, 20)}…" is not a hybrid age recipient, or not a complete one`
      return yield* new KernelError({ kernel: "age", reason: "unsupported", message })
    }
    const { cipherText, sharedSecret } = ml_kem768_x25519.encapsulate(publicKey)
    return concat([cipherText, cipherOf(sharedSecret).encrypt(fileKey)])
  })

/**
 * Opens what {@link wrapHybrid} gave for the recipient of a seed, which takes 5 to 18 ms. Gives undefined when it was
 * altered, cut, or wrapped for another recipient.
 */
export const unwrapHybrid: (
  seed: Redacted.Redacted<Uint8Array>,
  wrapped: Uint8Array,
) => Effect.Effect<Uint8Array | undefined> = Effect.fnUntraced(function* (seed, wrapped) {
  const { ml_kem768_x25519 } = yield* library
  if (wrapped.length !== WRAPPED_BYTES) return undefined
  try {
    const shared = ml_kem768_x25519.decapsulate(wrapped.subarray(0, ENCAPSULATED_BYTES), Redacted.value(seed))
    return cipherOf(shared).decrypt(wrapped.subarray(ENCAPSULATED_BYTES))
  } catch {
    return undefined
  }
})
