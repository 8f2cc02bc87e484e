/**
 * age (https://age-encryption.org/v1): who may open a file. The header of a file carries its key, encrypted for X25519
 * keys, hybrid post-quantum keys or a passphrase. The library `age-encryption` does this; it is loaded when it is first
 * used. `age_header.ts` reads headers without keys, and `age_payload.ts` has the content.
 */
import type { Decrypter } from "age-encryption"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { KernelError } from "../kernel/kernel.ts"
import { TAG_BYTES } from "./aead.ts"
import { isForPassphrase } from "./age_header.ts"
import { PAYLOAD_NONCE_BYTES } from "./age_payload.ts"
import { passphraseIdentity, passphraseRecipient } from "./age_passphrase.ts"
import { Scrypt } from "./password.ts"

/** Cost of scrypt for new passphrases, as a logarithm, as in the `age` command: 256 MiB of memory, about a second. */
export const PASSPHRASE_LOG_N = 18

const library = Effect.promise(() => import("age-encryption"))

const failure = (reason: KernelError["reason"], message: string, cause?: unknown): KernelError =>
  new KernelError({ kernel: "age", reason, message, ...(cause instanceof Error ? { cause } : {}) })

const textOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** Who may open a file. */
export type AgeAudience =
  /** At least one. Each begins with `age1`. */
  | { readonly recipients: ReadonlyArray<string> }
  | { readonly passphrase: Redacted.Redacted<string>; readonly logN: number }

/**
 * Makes a file key (16 bytes) and the header that carries it. Fails with KernelError `unsupported` when a recipient is
 * not valid.
 */
export const sealHeader: (
  audience: AgeAudience,
) => Effect.Effect<{ readonly header: Uint8Array; readonly fileKey: Uint8Array }, KernelError> = Effect.fnUntraced(
  function* (audience: AgeAudience) {
    const { Encrypter, Stanza } = yield* library
    const scrypt = yield* Scrypt
    const encrypter = new Encrypter()
    if ("recipients" in audience) {
      for (const recipient of audience.recipients) {
        yield* Effect.try({
          try: () => encrypter.addRecipient(recipient),
          catch: () =>
            failure(
              "unsupported",
              `"${recipient}" is not an age recipient, or not a complete one: age-keygen -y prints it`,
            ),
        })
      }
    }
    let fileKey: Uint8Array | undefined
    const file = yield* Effect.tryPromise({
      try: (signal) => {
        if ("passphrase" in audience) {
          const passphrase = Redacted.value(audience.passphrase)
          encrypter.addRecipient(passphraseRecipient({ scrypt, passphrase, signal }, audience.logN, Stanza))
        }
        // The library does not give the key away. This recipient learns it, and adds nothing to the header.
        encrypter.addRecipient({
          wrapFileKey: (key) => {
            fileKey = key.slice()
            return []
          },
        })
        return encrypter.encrypt(new Uint8Array(0))
      },
      catch: (cause) => failure("unsupported", `Cannot encrypt with age: ${textOf(cause)}`, cause),
    })
    // Behind the header are a nonce and the tag of an empty chunk.
    return { header: file.slice(0, -PAYLOAD_NONCE_BYTES - TAG_BYTES), fileKey: fileKey! }
  },
)

/** A file key, and what unwrapped it: the number of the identity, or the passphrase. */
export interface AgeOpened {
  readonly fileKey: Uint8Array
  readonly by: number | "passphrase"
}

/** Identities and a passphrase that are ready for use. */
export interface AgeKeys {
  /** The file key of a header. Undefined when no identity and no passphrase fits. Fails with KernelError `corrupt`. */
  readonly open: (header: Uint8Array) => Effect.Effect<AgeOpened | undefined, KernelError>
}

/** What the last identity throws, when no other fits. */
const NO_MATCH = new Error("No identity fits")

/**
 * Makes identities (`AGE-SECRET-KEY-...`) and a passphrase ready for use. Fails with KernelError `unsupported` when an
 * identity is not valid.
 */
export const ageKeys: (
  identities: ReadonlyArray<Redacted.Redacted<string>>,
  passphrase?: Redacted.Redacted<string>,
) => Effect.Effect<AgeKeys, KernelError> = Effect.fnUntraced(function* (
  identities: ReadonlyArray<Redacted.Redacted<string>>,
  passphrase?: Redacted.Redacted<string>,
) {
  const age = yield* library
  const scrypt = yield* Scrypt
  const last = {
    unwrapFileKey: () => {
      throw NO_MATCH
    },
  }
  const decrypters: Array<Decrypter> = []
  for (const [i, identity] of identities.entries()) {
    // Only to check the identity now: a decrypter would fail later, with a less helpful message.
    yield* recipientOf(identity, `Identity ${i + 1}`)
    const decrypter = new age.Decrypter()
    decrypter.addIdentity(Redacted.value(identity).trim())
    decrypter.addIdentity(last)
    decrypters.push(decrypter)
  }
  const unwrap = (header: Uint8Array, make: (signal: AbortSignal) => Decrypter) =>
    Effect.tryPromise((signal) => make(signal).decryptHeader(header)).pipe(
      Effect.catch(({ cause }) =>
        cause === NO_MATCH
          ? Effect.succeed(undefined)
          : Effect.fail(failure("corrupt", `The header of an age file is damaged: ${textOf(cause)}`, cause))
      ),
    )
  const keys: AgeKeys = {
    open: Effect.fnUntraced(function* (header) {
      if (isForPassphrase(header)) {
        if (passphrase === undefined) return undefined
        const fileKey = yield* unwrap(header, (signal) => {
          const decrypter = new age.Decrypter()
          decrypter.addIdentity(passphraseIdentity({ scrypt, passphrase: Redacted.value(passphrase), signal }))
          decrypter.addIdentity(last)
          return decrypter
        })
        return fileKey === undefined ? undefined : { fileKey, by: "passphrase" as const }
      }
      for (const [by, decrypter] of decrypters.entries()) {
        const fileKey = yield* unwrap(header, () => decrypter)
        if (fileKey !== undefined) return { fileKey, by }
      }
      return undefined
    }),
  }
  return keys
})

/**
 * The recipient (`age1...`) of an identity. Fails with KernelError `unsupported`. The message has `name`, never the
 * identity.
 */
export const recipientOf = (
  identity: Redacted.Redacted<string>,
  name: string = "The identity",
): Effect.Effect<string, KernelError> =>
  Effect.flatMap(library, ({ identityToRecipient }) =>
    Effect.tryPromise({
      try: () => identityToRecipient(Redacted.value(identity).trim()),
      catch: () => failure("unsupported", `${name} is not an age identity: those begin with "AGE-SECRET-KEY-"`),
    }))

/** A new X25519 identity: 74 characters. */
export const newIdentity: Effect.Effect<Redacted.Redacted<string>> = Effect.flatMap(
  library,
  ({ generateX25519Identity }) => Effect.map(Effect.promise(generateX25519Identity), (text) => Redacted.make(text)),
)
