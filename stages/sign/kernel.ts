/** What an implementation of Ed25519 does. */

/** Bytes of the seed of a key: RFC 8032 calls it the private key. */
export const SEED_BYTES = 32
/** Bytes of a public key. */
export const PUBLIC_KEY_BYTES = 32
/** Bytes of a signature. */
export const SIGNATURE_BYTES = 64

/** Ed25519 (RFC 8032, without a context and without hashing first). It neither changes nor keeps what it is given. */
export interface SignatureKernel {
  /** The public key, 32 bytes, of a seed of 32 random bytes. */
  readonly publicKey: (seed: Uint8Array) => Uint8Array
  /** The signature, 64 bytes, of a message. The same seed and message always give the same signature. */
  readonly sign: (seed: Uint8Array, message: Uint8Array) => Uint8Array
  /**
   * Whether a signature of a message is valid. Never throws: what is not a key or a signature at all is not valid. All
   * implementations give the same answer, also for what no honest signer makes: see `strict.ts`.
   */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
}
