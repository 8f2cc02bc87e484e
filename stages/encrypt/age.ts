/**
 * age (https://age-encryption.org/v1): headers of files, by the library `age-encryption`, which is loaded when it is
 * first used. The payload is in `age_payload.ts`. X25519 and hybrid post-quantum keys, and passphrases.
 */
import type { Decrypter } from "age-encryption"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { KernelError } from "../kernel/kernel.ts"
import { passphraseIdentity, passphraseRecipient } from "./age_passphrase.ts"
import { Scrypt } from "./password.ts"

/** What every age file begins with. */
export const AGE_INTRO: Uint8Array = new TextEncoder().encode("age-encryption.org/v1\n")
/** Longer headers are refused: about 1000 recipients. */
export const AGE_HEADER_MAXIMUM: number = 128 << 10
/** Cost of scrypt for new passphrases, as a logarithm; that of the `age` command. 256 MiB, about a second. */
export const PASSPHRASE_LOG_N = 18

const library = Effect.promise(() => import("age-encryption"))

const failure = (reason: KernelError["reason"], message: string, cause?: unknown): KernelError =>
  new KernelError({ kernel: "age", reason, message, ...(cause instanceof Error ? { cause } : {}) })

const textOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** For whom a file is encrypted. */
export type AgeAudience =
  /** `age1...` each; at least one. */
  | { readonly recipients: ReadonlyArray<string> }
  | { readonly passphrase: Redacted.Redacted<string>; readonly logN: number }

/**
 * A new file key (16 bytes) and the header that carries it. Fails with KernelError `unsupported` when something is no
 * recipient.
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
        // The payload is sealed elsewhere: this recipient only learns the key, and adds nothing to the header.
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
    // What follows the header is a nonce and the tag of an empty chunk.
    return { header: file.slice(0, -32), fileKey: fileKey! }
  },
)

/** A file key, and what opened it: the number of the identity, or the passphrase. */
export interface AgeOpened {
  readonly fileKey: Uint8Array
  readonly by: number | "passphrase"
}

/** Identities, ready for use. */
export interface AgeKeys {
  /**
   * The file key of a header; undefined when neither identity nor passphrase fits. Fails with KernelError `corrupt`.
   */
  readonly open: (header: Uint8Array) => Effect.Effect<AgeOpened | undefined, KernelError>
}

/** Thrown by the identity that comes last when no other fitted. */
const NO_MATCH = new Error("No identity fits")

/**
 * Makes identities (`AGE-SECRET-KEY-...`) and a passphrase ready. Fails with KernelError `unsupported` when one is not
 * valid.
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
    // Also checks it: adding it to a decrypter fails later, and elsewhere.
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
 * The recipient (`age1...`) of an identity. Fails with KernelError `unsupported`; the message says `name`, never the
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

/** Whether bytes begin as an age file does. */
export const isAge = (bytes: Uint8Array): boolean =>
  bytes.length >= AGE_INTRO.length && AGE_INTRO.every((byte, i) => bytes[i] === byte)

/**
 * Length of the header that the bytes begin with: up to and with the line that begins with `---`. Undefined when that
 * line does not end in them.
 */
export const headerLength = (bytes: Uint8Array): number | undefined => {
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) {
    if (bytes[at + 1] === DASH && bytes[at + 2] === DASH && bytes[at + 3] === DASH) {
      const end = bytes.indexOf(LINE_FEED, at + 4)
      return end < 0 ? undefined : end + 1
    }
  }
  return undefined
}

/** Number of stanzas of a header; some may be for nobody ("grease"). */
export const stanzaCount = (header: Uint8Array): number => stanzaStarts(header).length

/** Whether a header is for a passphrase. */
export const isForPassphrase = (header: Uint8Array): boolean =>
  stanzaStarts(header).some((at) => SCRYPT.every((byte, i) => header[at + i] === byte))

const LINE_FEED = 0x0a
const DASH = 0x2d
const ARROW = 0x3e
const SCRYPT = new TextEncoder().encode("-> scrypt ")

const stanzaStarts = (header: Uint8Array): ReadonlyArray<number> => {
  const starts: Array<number> = []
  for (let at = header.indexOf(LINE_FEED); at >= 0; at = header.indexOf(LINE_FEED, at + 1)) {
    if (header[at + 1] === DASH && header[at + 2] === ARROW) starts.push(at + 1)
  }
  return starts
}
