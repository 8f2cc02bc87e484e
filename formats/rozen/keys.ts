/** Keys that are derived from a secret of 32 random bytes by purpose, with BLAKE3 in key-derivation mode. SPEC.md. */
import { blake3 } from "@noble/hashes/blake3.js"
import * as Redacted from "effect/Redacted"

/** What a derived key is used for. */
export type Purpose =
  | "chunk ids"
  | "chunk cuts"
  | "blocks"
  | "pack footers"
  | "indexes"
  | "logs"
  | "snapshots"
  | "plain objects"

/** Derives the key for a purpose. */
export const subkey = (master: Redacted.Redacted<Uint8Array>, purpose: Purpose): Redacted.Redacted<Uint8Array> =>
  derive(Redacted.value(master), `penstock 2026-11-21 rozen 1 ${purpose}`)

/** Derives a key from a secret. `context` says what for. */
export const derive = (secret: Uint8Array, context: string): Redacted.Redacted<Uint8Array> =>
  Redacted.make(blake3(secret, { context: new TextEncoder().encode(context) }))

/** A new secret of 32 random bytes. */
export const newSecret = (): Redacted.Redacted<Uint8Array> => Redacted.make(crypto.getRandomValues(new Uint8Array(32)))
