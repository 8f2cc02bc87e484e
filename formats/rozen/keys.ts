/**
 * Keys. The master key, 32 random bytes, is sealed in key objects (key_object.ts). Every other key is derived from it
 * by purpose, with BLAKE3 in key-derivation mode. SPEC.md, "Keys".
 */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Redacted from "effect/Redacted"

/** What a key object holds: all that it takes to read the repository. */
export interface Unlocked {
  readonly master: Redacted.Redacted<Uint8Array>
  /** The ID of the repository, 32 hex digits. */
  readonly id: string
}

/** What a derived key is used for. */
export type Purpose =
  | "chunk ids"
  | "chunk cuts"
  | "blocks"
  | "pack footers"
  | "indexes"
  | "logs"
  | "snapshots"
  | "config"
  | "plain objects"
  | "fingerprint"

/** Derives the key for a purpose. */
export const subkey = (master: Redacted.Redacted<Uint8Array>, purpose: Purpose): Redacted.Redacted<Uint8Array> =>
  derive(Redacted.value(master), `penstock 2026-11-21 rozen 1 ${purpose}`)

/** Derives a key from a secret. `context` says what for. */
export const derive = (secret: Uint8Array, context: string): Redacted.Redacted<Uint8Array> =>
  Redacted.make(blake3(secret, { context: new TextEncoder().encode(context) }))

/** Tells a master key from another one, and nothing else about it: 32 hex digits. */
export const fingerprintOf = (master: Redacted.Redacted<Uint8Array>): string =>
  bytesToHex(Redacted.value(subkey(master, "fingerprint")).subarray(0, 16))

/** Makes a new master key. */
export const newMaster = (): Redacted.Redacted<Uint8Array> => Redacted.make(crypto.getRandomValues(new Uint8Array(32)))
