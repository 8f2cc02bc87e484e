/** Makes key objects: the master key, sealed for a secret. SPEC.md, "KEYS/*.json". */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { sealHeader } from "../../stages/encrypt/age.ts"
import { deriveKey, provenScrypt, Scrypt } from "../../stages/encrypt/password.ts"
import { Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import type { NewSecret } from "../keys.ts"
import { fromKernelError } from "./errors.ts"
import {
  encodeKey,
  encodePayload,
  keyContext,
  type KeyMembers,
  type KindMembers,
  type ScryptCost,
} from "./key_object.ts"
import { keyName } from "./key_read.ts"
import { derive, type Unlocked } from "./keys.ts"
import { AGE_HEADER_BYTES, KEY_TEXT } from "./limits.ts"

/**
 * 32 MiB and three passes. It is one of the equivalent costs of OWASP's Password Storage Cheat Sheet, and takes as much
 * memory as restic does.
 */
export const DEFAULT_COST: ScryptCost = { n: 1 << 15, r: 8, p: 3 }

/** Bytes of a key file. */
export const KEY_FILE_BYTES = 32

/** How keys are made. */
export interface KeyOptions {
  /** Cost of scrypt. */
  readonly cost?: ScryptCost | undefined
  /** Who makes them, `user@host`. */
  readonly by?: string | undefined
  /** What the user calls the key. */
  readonly name?: string | undefined
}

/** A key object that is to be written. */
export interface SealedKey {
  /** The name of the object. */
  readonly object: string
  readonly members: KeyMembers
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

/** The members of the kind, and the slot key. */
const slotOf = Effect.fnUntraced(function* (
  secret: NewSecret,
  cost: ScryptCost,
): Effect.fn.Return<readonly [KindMembers, Redacted.Redacted<Uint8Array>], RepositoryError> {
  if ("password" in secret) {
    const salt = crypto.getRandomValues(new Uint8Array(32))
    const { n, p, r } = cost
    const key = yield* deriveKey(secret.password, { kdf: "scrypt", n, r, p, salt }).pipe(
      Effect.provideService(Scrypt, provenScrypt(yield* Scrypt)),
      Effect.mapError(fromKernelError),
    )
    return [{ kind: "password", kdf: "scrypt", n, r, p, salt: bytesToHex(salt) }, key]
  }
  if ("recipient" in secret) {
    const { recipient } = secret
    const { fileKey, header } = yield* Effect.mapError(sealHeader({ recipients: [recipient] }), fromKernelError)
    if (header.length > AGE_HEADER_BYTES) {
      return yield* unsupported(
        `The age header for ${recipient} has ${header.length} bytes, and a key object holds ${AGE_HEADER_BYTES}`,
      )
    }
    return [{ kind: "age", recipient, header: bytesToHex(header) }, ageSlotKey(fileKey)]
  }
  const problem = keyFileProblem(secret.key)
  if (problem !== undefined) return yield* unsupported(problem)
  return [{ kind: "key-file" }, fileSlotKey(secret.key)]
})

/** Makes a key object for a secret. Fails with `unsupported` when the secret or the name is not valid. */
export const sealKey: (
  unlocked: Unlocked,
  secret: NewSecret,
  options: KeyOptions,
) => Effect.Effect<SealedKey, RepositoryError> = Effect.fnUntraced(
  function* ({ id, master }, secret, { by = "", cost = DEFAULT_COST, name = "" }) {
    for (const [what, text] of [["name", name], ["maker", by]] as const) {
      if (text.length > KEY_TEXT || !text.isWellFormed()) {
        return yield* unsupported(`The ${what} of a key must be Unicode text of at most ${KEY_TEXT} characters`)
      }
    }
    const [kind, key] = yield* slotOf(secret, cost)
    const created = yield* Clock.currentTimeMillis
    const members: KeyMembers = { version: 1, role: "owner", name, created, by, ...kind }
    const object = keyName(bytesToHex(crypto.getRandomValues(new Uint8Array(8))))
    const cipher = makeKernel(aes256gcm(key), yield* Kernels)
    const sealed = cipher.seal(encodePayload(id, Redacted.value(master)), keyContext(object, members))
    return { object, members, bytes: encodeKey(object, members, sealed) }
  },
)

/** Writes a key object. */
export const putKey = (store: ObjectStore, { bytes, object }: SealedKey): Effect.Effect<void, StoreError> =>
  store.put(object, [bytes], { unique: true })
