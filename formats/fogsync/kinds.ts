/**
 * Kinds of envelopes that a user's file must not be mistaken for: a code in the nonce says the kind. SPEC.md, "Kinds,
 * and the object FOGSYNC".
 */
import { NONCE_BYTES } from "../../stages/encrypt/aead.ts"
import { sameCode } from "../../stages/encrypt/twofish256ctr.ts"
import type { Keys } from "./keys.ts"

/** A kind of envelope. Those of contents and listings have none. */
export type Kind = "root" | "share" | "forgotten"

/** Bytes of the nonce that the cipher uses. The code is made of them. */
const COUNTER_BYTES = 16

/** A fresh nonce. With a kind, its last 8 bytes are the code of the kind. */
export const makeNonce = (keys: Keys, kind?: Kind): Uint8Array => {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  if (kind !== undefined) nonce.set(kindCode(keys, kind, nonce), COUNTER_BYTES)
  return nonce
}

/** Whether these bytes begin with the nonce of a kind. It holds for an envelope only when that is authentic, too. */
export const isKind = (keys: Keys, kind: Kind, nonce: Uint8Array): boolean =>
  nonce.length >= NONCE_BYTES && sameCode(kindCode(keys, kind, nonce), nonce.subarray(COUNTER_BYTES, NONCE_BYTES))

const kindCode = (keys: Keys, kind: Kind, nonce: Uint8Array): Uint8Array => {
  const state = keys.startMac()
  state.update(new TextEncoder().encode(`FogSync ${kind}`))
  state.update(nonce.subarray(0, COUNTER_BYTES))
  return state.digest().subarray(0, NONCE_BYTES - COUNTER_BYTES)
}
