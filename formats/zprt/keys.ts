/**
 * Who can read an archive: identities, recipients, and the key slot of an archive with a password. SPEC.md,
 * "Encryption".
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type AgeKeys, ageKeys, newIdentity, recipientOf, sealHeader } from "../../stages/encrypt/age.ts"
import { AGE_HEADER_MAXIMUM, headerLength, isAge, isForPassphrase } from "../../stages/encrypt/age_header.ts"
import type { MakePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import { openPayload, payloadBytes, sealPayload } from "../../stages/encrypt/age_payload.ts"
import { concat, Equivalence } from "effect/Bytes"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { Afresh } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { refuseOthers, type Secrets } from "../secrets.ts"
import { RepositoryError } from "../error.ts"
import { fromKernelError, unsupported } from "./errors.ts"
import { SLOT_READ } from "./limits.ts"
import { ARCHIVE, CONTENTS_AT, readArchive } from "./layout.ts"

/** The keys of an open archive. */
export interface Keyring {
  /** Decrypts headers of age files. */
  readonly keys: AgeKeys
  /** The recipients of the identities in `keys`, in their order. */
  readonly own: ReadonlyArray<string>
  /**
   * The recipients of new contents and of the index. Empty when only a passphrase is known, of an archive that has no
   * key slot.
   */
  readonly recipients: ReadonlyArray<string>
  /** The key slot: the identity of an archive with a password, in an age file that the password opens. */
  readonly slot?: Uint8Array
}

/** Bytes of plain text in a key slot: an identity and a line feed. */
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

/** The keyring of a new archive. `logN` is the cost of scrypt for a password, as a logarithm. */
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
  // An invalid recipient must show now, not after hours of work.
  if (recipients.length > 0) yield* sealHeader({ recipients })
  return { keys, own, recipients: recipients.length > 0 ? recipients : own }
})

const slotKeyring = (identity: Redacted.Redacted<string>, slot: Uint8Array): Effect.Effect<Keyring, KernelError> =>
  Effect.map(keyringOf({ identities: [identity] }), (keyring) => ({ ...keyring, slot }))

/** A new identity in a new key slot. */
const passwordKeyring: (
  password: Redacted.Redacted<string>,
  cipher: MakePayloadCipher,
  logN: number,
) => Effect.Effect<Keyring, KernelError> = Effect.fnUntraced(function* (password, cipher, logN) {
  const identity = yield* newIdentity
  return yield* slotKeyring(identity, yield* encodeSlot(identity, password, cipher, logN))
})

/**
 * The keyring for an existing archive. `index` is the header of its index, if that could be read. Fails with
 * `unused-secret` when the secrets are of a kind that the archive has no use for, and with `wrong-key` when there are
 * none or the password does not open the key slot. Whether the keyring opens the index is not known yet.
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
    const { password } = secrets
    yield* checkMixture(secrets)
    if (isEmpty(secrets)) return yield* wrongKey(`The archive ${location} needs an age identity or its password`)
    if (password === undefined) return yield* keyringOf(secrets)
    if (index === undefined || !isForPassphrase(index)) {
      const slot = yield* readSlot(store)
      if (slot !== undefined) {
        const keyring = yield* unlockSlot(slot, password, cipher, store)
        return keyring ?? (yield* wrongKey(`The password does not open the archive ${location}`))
      }
      if (index !== undefined) {
        return yield* new RepositoryError({
          reason: "unused-secret",
          message: `The archive ${location} has no password: give an age identity that opens it`,
        })
      }
    }
    return { keys: yield* ageKeys([], password), own: [], recipients: [] }
  },
  Effect.catchTag("KernelError", (error) => Effect.fail(fromKernelError(error))),
)

/** Undefined when the password is wrong. A slot that does not open is read again, since the first read may be wrong. */
const unlockSlot: (
  slot: Uint8Array,
  password: Redacted.Redacted<string>,
  cipher: MakePayloadCipher,
  store: ObjectStore,
) => Effect.Effect<Keyring | undefined, KernelError | StoreError> = Effect.fnUntraced(
  function* (slot, password, cipher, store) {
    const identity = yield* decodeSlot(slot, password, cipher)
    if (identity !== undefined) return yield* slotKeyring(identity, slot)
    const again = yield* Effect.provideService(readSlot(store), Afresh, true)
    // The same bytes need no second scrypt.
    if (again === undefined || Equivalence(again, slot)) return undefined
    const second = yield* decodeSlot(again, password, cipher)
    return second === undefined ? undefined : yield* slotKeyring(second, again)
  },
)

/** The key slot that the archive begins with; undefined when it has none. */
export const readSlot: (store: ObjectStore) => Effect.Effect<Uint8Array | undefined, StoreError> = Effect.fnUntraced(
  function* (store: ObjectStore) {
    const { size } = yield* store.stat(ARCHIVE)
    const bytes = yield* readArchive(store, CONTENTS_AT, Math.max(0, Math.min(SLOT_READ, size - CONTENTS_AT)))
    const length = slotLength(bytes)
    return length === undefined || length > bytes.length ? undefined : bytes.slice(0, length)
  },
)

/** Length of the key slot that these bytes begin with: an age file for a passphrase. Undefined when there is none. */
const slotLength = (bytes: Uint8Array): number | undefined => {
  const header = isAge(bytes) ? headerLength(bytes.subarray(0, AGE_HEADER_MAXIMUM)) : undefined
  return header !== undefined && isForPassphrase(bytes.subarray(0, header))
    ? header + payloadBytes(SLOT_CONTENT)
    : undefined
}

const encodeSlot: (
  identity: Redacted.Redacted<string>,
  password: Redacted.Redacted<string>,
  cipher: MakePayloadCipher,
  logN: number,
) => Effect.Effect<Uint8Array, KernelError> = Effect.fnUntraced(function* (identity, password, cipher, logN) {
  const { fileKey, header } = yield* sealHeader({ passphrase: password, logN })
  const payload = sealPayload(cipher, fileKey)
  const content = new TextEncoder().encode(`${Redacted.value(identity)}\n`)
  return concat([header, ...payload.push(content), ...payload.end()])
})

/** The identity in a key slot. Undefined when the password is wrong, or the age file is not a key slot. */
const decodeSlot: (
  slot: Uint8Array,
  password: Redacted.Redacted<string>,
  cipher: MakePayloadCipher,
) => Effect.Effect<Redacted.Redacted<string> | undefined, KernelError> = Effect.fnUntraced(
  function* (slot, password, cipher) {
    const end = headerLength(slot)!
    const header = yield* Effect.flatMap(ageKeys([], password), ({ open }) => open(slot.subarray(0, end)))
    if (header === undefined) return undefined
    return yield* catching(KernelError, () => {
      const payload = openPayload(cipher, header.fileKey)
      const text = new TextDecoder().decode(concat([...payload.push(slot.subarray(end)), ...payload.end()]))
      return text.startsWith("AGE-SECRET-KEY-") ? Redacted.make(text.trimEnd()) : undefined
    })
  },
)
