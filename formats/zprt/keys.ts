/**
 * Who can read an archive: identities, recipients, and the key slot of archives with a password. SPEC.md, "Encryption".
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type AgeKeys, ageKeys, headerLength, isAge, isForPassphrase } from "../../stages/encrypt/age.ts"
import { AGE_HEADER_MAXIMUM, newIdentity, recipientOf, sealHeader } from "../../stages/encrypt/age.ts"
import type { MakePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import { openPayload, payloadBytes, sealPayload } from "../../stages/encrypt/age_payload.ts"
import { concat } from "effect/Bytes"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import { Afresh } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { refuseOthers, type Secrets } from "../secrets.ts"
import { RepositoryError } from "../error.ts"
import { fromKernelError, unsupported } from "./errors.ts"
import { SLOT_READ } from "./limits.ts"
import { ARCHIVE, CONTENTS_AT, readArchive } from "./layout.ts"

/** The keys of an open archive. */
export interface Keyring {
  readonly keys: AgeKeys
  /** What opens with each identity of `keys`, in their order. */
  readonly own: ReadonlyArray<string>
  /** Whom new contents, and the index, are encrypted for; none when only a foreign archive's passphrase is known. */
  readonly recipients: ReadonlyArray<string>
  /** The identity of an archive with a password, as an age file that the password opens; it begins the archive. */
  readonly slot?: Uint8Array
}

/** Content of a key slot: an identity and a line feed. */
const SLOT_CONTENT = 75

const wrongKey = (message: string): RepositoryError => new RepositoryError({ reason: "wrong-key", message })

const isEmpty = (secrets: Secrets): boolean =>
  secrets.password === undefined && (secrets.recipients ?? []).length === 0 && (secrets.identities ?? []).length === 0

const checkMixture = (secrets: Secrets): Effect.Effect<void, RepositoryError> => {
  const { identities = [], password, recipients = [] } = secrets
  return password !== undefined && identities.length + recipients.length > 0
    ? Effect.fail(unsupported("An archive has either a password, or recipients and identities: give one kind only"))
    : refuseOthers(secrets, "zprt", ["password", "recipients", "identities"])
}

/** The keyring of a new archive. */
export const newKeyring: (
  secrets: Secrets,
  cipher: MakePayloadCipher,
  logN: number,
) => Effect.Effect<Keyring, RepositoryError> = Effect.fnUntraced(
  function* (secrets: Secrets, cipher: MakePayloadCipher, logN: number) {
    yield* checkMixture(secrets)
    if (isEmpty(secrets)) {
      return yield* wrongKey("A new archive needs age recipients, identities, or a password")
    }
    if (secrets.password === undefined) return yield* keyringOf(secrets)
    return yield* passwordKeyring(secrets.password, cipher, logN)
  },
  Effect.catchTag("KernelError", (error) => Effect.fail(fromKernelError(error))),
)

const keyringOf: (secrets: Secrets) => Effect.Effect<Keyring, KernelError> = Effect.fnUntraced(function* (secrets) {
  const { identities = [], recipients = [] } = secrets
  const keys = yield* ageKeys(identities)
  const own = yield* Effect.forEach(identities, (identity) => recipientOf(identity))
  // Whether they are valid shows now, not after hours of work.
  if (recipients.length > 0) yield* sealHeader({ recipients })
  return { keys, own, recipients: recipients.length > 0 ? recipients : own }
})

const identityKeyring = (identity: Redacted.Redacted<string>, slot: Uint8Array): Effect.Effect<Keyring, KernelError> =>
  Effect.map(keyringOf({ identities: [identity] }), (keyring) => ({ ...keyring, slot }))

/** A new identity in a new slot. */
const passwordKeyring: (
  password: Redacted.Redacted<string>,
  cipher: MakePayloadCipher,
  logN: number,
) => Effect.Effect<Keyring, KernelError> = Effect.fnUntraced(function* (password, cipher, logN) {
  const identity = yield* newIdentity
  const { fileKey, header } = yield* sealHeader({ passphrase: password, logN })
  const payload = sealPayload(cipher, fileKey)
  const content = new TextEncoder().encode(`${Redacted.value(identity)}\n`)
  return yield* identityKeyring(identity, concat([header, ...payload.push(content), ...payload.end()]))
})

/**
 * The keyring that opens an archive: `index` is the header of its index. Fails with `unused-secret` when the secrets are
 * of the wrong kind, with `wrong-key` when there are none, or the password does not open the slot; whether the keyring
 * opens the index is not known yet.
 */
export const openKeyring: (
  secrets: Secrets,
  store: ObjectStore,
  index: Uint8Array | undefined,
  cipher: MakePayloadCipher,
) => Effect.Effect<Keyring, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (
    secrets: Secrets,
    store: ObjectStore,
    index: Uint8Array | undefined,
    cipher: MakePayloadCipher,
  ) {
    const { location } = store.properties
    yield* checkMixture(secrets)
    if (isEmpty(secrets)) return yield* wrongKey(`The archive ${location} needs an age identity or its password`)
    if (secrets.password === undefined) return yield* keyringOf(secrets)
    if (index === undefined || !isForPassphrase(index)) {
      const slot = yield* readSlot(store)
      if (slot !== undefined) {
        const first = yield* unlockSlot(slot, secrets.password, cipher)
        // It may have been read wrongly; what is the same again needs not be tried again.
        const again = first === undefined ? yield* Effect.provideService(readSlot(store), Afresh, true) : undefined
        const identity = again === undefined || sameBytes(again, slot)
          ? first
          : yield* unlockSlot(again, secrets.password, cipher)
        if (identity === undefined) return yield* wrongKey(`The password does not open the archive ${location}`)
        return yield* identityKeyring(identity, first === undefined ? again! : slot)
      }
      if (index !== undefined) {
        return yield* new RepositoryError({
          reason: "unused-secret",
          message: `The archive ${location} has no password: give an age identity that opens it`,
        })
      }
    }
    return { keys: yield* ageKeys([], secrets.password), own: [], recipients: [] }
  },
  Effect.catchTag("KernelError", (error) => Effect.fail(fromKernelError(error))),
)

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/**
 * The key slot that an archive begins with, when it has one: an age file for a passphrase, as long as one of an
 * identity is.
 */
export const readSlot: (store: ObjectStore) => Effect.Effect<Uint8Array | undefined, StoreError> = Effect.fnUntraced(
  function* (store: ObjectStore) {
    const { size } = yield* store.stat(ARCHIVE)
    const bytes = yield* readArchive(store, CONTENTS_AT, Math.max(0, Math.min(SLOT_READ, size - CONTENTS_AT)))
    const length = slotLength(bytes)
    return length === undefined || length > bytes.length ? undefined : bytes.slice(0, length)
  },
)

/** Length of the key slot that these bytes begin with, or undefined when they do not. */
export const slotLength = (bytes: Uint8Array): number | undefined => {
  const header = isAge(bytes) ? headerLength(bytes.subarray(0, AGE_HEADER_MAXIMUM)) : undefined
  return header !== undefined && isForPassphrase(bytes.subarray(0, header))
    ? header + payloadBytes(SLOT_CONTENT)
    : undefined
}

/** The identity in a slot, or undefined when the password is another, or it is no slot. */
const unlockSlot: (
  slot: Uint8Array,
  password: Redacted.Redacted<string>,
  cipher: MakePayloadCipher,
) => Effect.Effect<Redacted.Redacted<string> | undefined, KernelError> = Effect.fnUntraced(
  function* (slot, password, cipher) {
    const header = headerLength(slot)!
    const opened = yield* Effect.flatMap(ageKeys([], password), ({ open }) => open(slot.subarray(0, header)))
    if (opened === undefined) return undefined
    const payload = openPayload(cipher, opened.fileKey)
    try {
      const text = new TextDecoder().decode(concat([...payload.push(slot.subarray(header)), ...payload.end()]))
      return text.startsWith("AGE-SECRET-KEY-") ? Redacted.make(text.trimEnd()) : undefined
    } catch (error) {
      return yield* Effect.fail(error as KernelError)
    }
  },
)
