/** The pair of a key: a seed of 32 random bytes, and what follows from it. SPEC.md, "Keys and their pairs". */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { HYBRID_SEED_BYTES, hybridRecipient } from "../../stages/encrypt/age_hybrid.ts"
import { derive } from "./keys.ts"

/** A key whose secret half is known. */
export interface KeyPair {
  /** 16 hex digits. */
  readonly id: string
  readonly seed: Redacted.Redacted<Uint8Array>
  /** The public half: `age1pq1…`. */
  readonly public: string
}

/** The ID of the key with this public half: the first 8 bytes of its BLAKE3, in hex. */
export const keyIdOf = (recipient: string): string =>
  bytesToHex(blake3(new TextEncoder().encode(recipient)).subarray(0, 8))

/** The pair of a seed. */
export const keyPair = (seed: Redacted.Redacted<Uint8Array>): Effect.Effect<KeyPair> =>
  Effect.map(hybridRecipient(seed), (recipient) => ({ id: keyIdOf(recipient), seed, public: recipient }))

/** A new key. */
export const newKeyPair: Effect.Effect<KeyPair> = Effect.suspend(() =>
  keyPair(Redacted.make(crypto.getRandomValues(new Uint8Array(HYBRID_SEED_BYTES))))
)

/** The seed of the Ed25519 key of a writer. */
export const writerSeed = (seed: Redacted.Redacted<Uint8Array>): Redacted.Redacted<Uint8Array> =>
  derive(Redacted.value(seed), "penstock 2026-11-30 rozen 1 writer signing")
