/** Makes locks: the seed of a key, sealed for a secret. SPEC.md, "Locks". */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { sealHeader } from "../../stages/encrypt/age.ts"
import { deriveKey, provenScrypt, Scrypt } from "../../stages/encrypt/password.ts"
import { Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { RepositoryError } from "../error.ts"
import type { NewSecret } from "../keys.ts"
import { fromKernelError } from "./errors.ts"
import {
  encodeLock,
  encodePayload,
  type KindMembers,
  lockContext,
  type LockMembers,
  type LockPayload,
  type Pin,
  type ScryptCost,
} from "./key_lock.ts"
import { derive } from "./keys.ts"
import { AGE_HEADER_BYTES } from "./limits.ts"

/**
 * 32 MiB and three passes. It is one of the equivalent costs of OWASP's Password Storage Cheat Sheet, and takes as much
 * memory as restic does.
 */
export const DEFAULT_COST: ScryptCost = { n: 1 << 15, r: 8, p: 3 }

/** Bytes of a key file. */
export const KEY_FILE_BYTES = 32

/** A secret that is ready to seal: the members of its kind, and the slot key. */
export interface Slot {
  readonly kind: KindMembers
  readonly key: Redacted.Redacted<Uint8Array>
}

/** A key whose lock is open. */
export interface UnlockedKey {
  /** 16 hex digits. */
  readonly id: string
  /** The name of its lock. */
  readonly lock: string
  /** What opened it: the lock can be sealed anew. */
  readonly slot: Slot
  readonly seed: Redacted.Redacted<Uint8Array>
  /** Whom it believes. Anybody can make a lock for an age recipient, so there it is only what the lock says. */
  readonly pin: Pin
}

/** A lock that is to be written. */
export interface SealedLock {
  /** The name of the object. */
  readonly object: string
  readonly bytes: Uint8Array
}

/** The slot key of an age key, from the file key of its header. */
export const ageSlotKey = (fileKey: Uint8Array): Redacted.Redacted<Uint8Array> =>
  derive(fileKey, "penstock 2026-11-30 rozen 1 age key")

/** The slot key of a key file. */
export const fileSlotKey = (key: Redacted.Redacted<Uint8Array>): Redacted.Redacted<Uint8Array> =>
  derive(Redacted.value(key), "penstock 2026-11-30 rozen 1 key file")

const unsupported = (message: string): RepositoryError => new RepositoryError({ reason: "unsupported", message })

/** Why 32 bytes were expected of a key file. Undefined when it has as many. */
export const keyFileProblem = (key: Redacted.Redacted<Uint8Array>): string | undefined => {
  const { length } = Redacted.value(key)
  return length === KEY_FILE_BYTES
    ? undefined
    : `A key file of a rozen repository has ${KEY_FILE_BYTES} bytes (${2 * KEY_FILE_BYTES} hex digits), not ${length}`
}

/** Makes a slot for a secret. Fails with `unsupported` when the secret is not valid. */
export const slotOf: (secret: NewSecret, cost?: ScryptCost) => Effect.Effect<Slot, RepositoryError> = Effect.fnUntraced(
  function* (secret, cost = DEFAULT_COST) {
    if ("password" in secret) {
      const salt = crypto.getRandomValues(new Uint8Array(32))
      const { n, p, r } = cost
      const key = yield* deriveKey(secret.password, { kdf: "scrypt", n, r, p, salt }).pipe(
        Effect.provideService(Scrypt, provenScrypt(yield* Scrypt)),
        Effect.mapError(fromKernelError),
      )
      return { kind: { kind: "password", kdf: "scrypt", n, r, p, salt: bytesToHex(salt) }, key }
    }
    if ("recipient" in secret) {
      const { recipient } = secret
      const { fileKey, header } = yield* Effect.mapError(sealHeader({ recipients: [recipient] }), fromKernelError)
      if (header.length > AGE_HEADER_BYTES) {
        return yield* unsupported(
          `The age header for ${recipient} has ${header.length} bytes, and a lock holds ${AGE_HEADER_BYTES}`,
        )
      }
      return { kind: { kind: "age", recipient, header: bytesToHex(header) }, key: ageSlotKey(fileKey) }
    }
    const problem = keyFileProblem(secret.key)
    if (problem !== undefined) return yield* unsupported(problem)
    return { kind: { kind: "key-file" }, key: fileSlotKey(secret.key) }
  },
)

/** Seals the seed of the key with this ID, and whom it believes, in a slot. */
export const sealLock: (
  keyId: string,
  payload: LockPayload,
  slot: Slot,
) => Effect.Effect<SealedLock> = Effect.fnUntraced(function* (keyId, payload, { key, kind }) {
  const members: LockMembers = { version: 1, ...kind }
  const object = `KEYS/${keyId}.${bytesToHex(crypto.getRandomValues(new Uint8Array(4)))}.json`
  const cipher = makeKernel(aes256gcm(key), yield* Kernels)
  return {
    object,
    bytes: encodeLock(object, members, cipher.seal(encodePayload(payload), lockContext(keyId, members))),
  }
})
