/**
 * How a passphrase wraps the key of an age file, and unwraps it (https://age-encryption.org/v1, "The scrypt recipient
 * type").
 */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import type { Identity, Recipient, Stanza } from "age-encryption"
import { provenScrypt, type ScryptFunction } from "./password.ts"

/** The highest work factor that is accepted from a file, as a logarithm: 2^20 needs 1 GiB of memory. */
export const PASSPHRASE_LOG_N_MAXIMUM = 20
const SALT_BYTES = 16
const LABEL = new TextEncoder().encode("age-encryption.org/v1/scrypt")

/** A passphrase. Like `age`, this takes it as UTF-8 and does not normalise it. */
export interface PassphraseOptions {
  readonly scrypt: ScryptFunction
  readonly passphrase: string
  readonly signal: AbortSignal
}

const wrappingKey = ({ passphrase, scrypt, signal }: PassphraseOptions, salt: Uint8Array, logN: number) => {
  const labelled = new Uint8Array(LABEL.length + salt.length)
  labelled.set(LABEL)
  labelled.set(salt, LABEL.length)
  return scrypt(new TextEncoder().encode(passphrase), labelled, { n: 2 ** logN, r: 8, p: 1 }, signal)
}

/**
 * Wraps file keys. It must be the only recipient of a file. `logN`: the cost of scrypt, as a logarithm. `StanzaOf`: the
 * class of `age-encryption`, which is loaded late.
 */
export const passphraseRecipient = (
  options: PassphraseOptions,
  logN: number,
  StanzaOf: new (args: Array<string>, body: Uint8Array) => Stanza,
): Recipient => ({
  wrapFileKey: async (fileKey) => {
    const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES))
    const key = await wrappingKey({ ...options, scrypt: provenScrypt(options.scrypt) }, salt, logN)
    const body = chacha20poly1305(key, new Uint8Array(12)).encrypt(fileKey)
    return [new StanzaOf(["scrypt", base64(salt), String(logN)], body)]
  },
})

/**
 * Unwraps file keys. Throws when a stanza is not valid, or asks for more work than {@link PASSPHRASE_LOG_N_MAXIMUM}.
 */
export const passphraseIdentity = (options: PassphraseOptions): Identity => ({
  unwrapFileKey: async (stanzas) => {
    const stanza = stanzas.find(({ args }) => args[0] === "scrypt")
    if (stanza === undefined) return null
    const [, salt = "", work = ""] = stanza.args
    const saltBytes = unbase64(salt)
    if (
      stanzas.length !== 1 || stanza.args.length !== 3 || stanza.body.length !== 32 ||
      saltBytes?.length !== SALT_BYTES ||
      !/^[1-9][0-9]?$/.test(work)
    ) throw new Error("the stanza of its passphrase is not valid")
    if (Number(work) > PASSPHRASE_LOG_N_MAXIMUM) {
      throw new Error(
        `its passphrase needs scrypt with a work factor of ${work}, more than ${PASSPHRASE_LOG_N_MAXIMUM}`,
      )
    }
    const key = await wrappingKey(options, saltBytes, Number(work))
    try {
      return chacha20poly1305(key, new Uint8Array(12)).decrypt(stanza.body)
    } catch {
      return null
    }
  },
})

/** Base64 without padding, as in age headers. */
const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes)).replace(/=+$/, "")

/** The inverse of {@link base64}. Undefined for text that it does not write. */
const unbase64 = (text: string): Uint8Array | undefined => {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    return base64(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
