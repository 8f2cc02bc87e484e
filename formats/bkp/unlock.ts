/**
 * From a password to the cipher of a repository: made for a new one, unlocked for an existing one. SPEC.md, "config".
 */
import { pbkdf2Async } from "@noble/hashes/pbkdf2.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { chacha20poly1305 } from "../../stages/encrypt/chacha20poly1305.ts"
import { KernelError, type KernelTable, makeKernel } from "../../stages/kernel/kernel.ts"
import { RepositoryError } from "../error.ts"
import type { Secrets } from "../secrets.ts"
import { type Config, decodeConfig, encodeConfig } from "./config.ts"
import { CONFIG } from "./layout.ts"
import { type KeyScheme, makeObjectCipher, noCipher, type ObjectCipher } from "./object_cipher.ts"

const KEY_CONTEXT = new TextEncoder().encode("bkp key")

/** How a new repository is encrypted. */
export interface KeyOptions {
  /** Iterations of PBKDF2. */
  readonly iterations: number
  readonly keys: KeyScheme
}

/** A new config, and its stored bytes. The repository is encrypted if there is a password. */
export const newConfig: (
  password: Secrets["password"],
  options: KeyOptions,
  table: KernelTable,
) => Effect.Effect<
  { readonly config: Config; readonly bytes: Uint8Array; readonly cipher: ObjectCipher },
  RepositoryError
> = Effect.fnUntraced(function* (password, { iterations, keys }, table) {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const id = bytesToHex(random(16))
  const finish = (encryption: Config["encryption"], cipher: ObjectCipher) => {
    const bytes = encodeConfig({ format: "bkp", version: 1, id, encryption })
    return { config: decodeConfig(bytes), bytes, cipher }
  }
  if (password === undefined) return finish(null, noCipher)
  const salt = random(32)
  const master = Redacted.make(random(32))
  const wrapping = yield* passwordKey(password, salt, iterations)
  const sealed = makeKernel(chacha20poly1305(wrapping), table).seal(Redacted.value(master), KEY_CONTEXT)
  return finish({
    cipher: "chacha20-poly1305",
    keys,
    kdf: "pbkdf2-hmac-sha256",
    iterations,
    salt: bytesToHex(salt),
    key: bytesToHex(sealed),
  }, makeObjectCipher(master, keys, table))
})

/**
 * The cipher of a config. Fails with `wrong-key`, or with `unused-secret` if there is a password and no encryption.
 * Damage of the config was found by `decodeConfig`.
 */
export const unlock: (
  { encryption }: Config,
  password: Secrets["password"],
  location: string,
  table: KernelTable,
) => Effect.Effect<ObjectCipher, RepositoryError> = Effect.fnUntraced(
  function* ({ encryption }, password, location, table) {
    const wrong = (message: string) => new RepositoryError({ reason: "wrong-key", object: CONFIG, message })
    if (encryption === null) {
      if (password === undefined) return noCipher
      // Otherwise somebody who can write to the store could make the next backup go there in the clear.
      return yield* new RepositoryError({
        reason: "unused-secret",
        object: CONFIG,
        message:
          `The repository at ${location} is not encrypted: open it without a password. If it should be encrypted, ` +
          `put a copy of its ${CONFIG} back`,
      })
    }
    if (password === undefined) return yield* wrong(`The repository at ${location} needs a password`)
    const wrapping = yield* passwordKey(password, hexToBytes(encryption.salt), encryption.iterations)
    return yield* Effect.try({
      try: () => {
        const master = makeKernel(chacha20poly1305(wrapping), table).open(hexToBytes(encryption.key), KEY_CONTEXT)
        return makeObjectCipher(Redacted.make(master), encryption.keys, table)
      },
      catch: (error) => {
        if (!(error instanceof KernelError)) throw error
        return wrong(`The password does not open the repository at ${location}`)
      },
    })
  },
)

/** PBKDF2-HMAC-SHA256 (RFC 8018) of the password as UTF-8 in NFC: 32 bytes. */
export const passwordKey = (
  password: Redacted.Redacted<string>,
  salt: Uint8Array,
  iterations: number,
): Effect.Effect<Redacted.Redacted<Uint8Array>> =>
  Effect.promise(async () => {
    const bytes = new TextEncoder().encode(Redacted.value(password).normalize("NFC"))
    // Browsers have WebCrypto only in secure contexts, and some runtimes refuse an empty key.
    if (bytes.length === 0 || crypto.subtle === undefined) {
      return Redacted.make(await pbkdf2Async(sha256, bytes, salt, { c: iterations, dkLen: 32 }))
    }
    const key = await crypto.subtle.importKey("raw", bytes, "PBKDF2", false, ["deriveBits"])
    const params = { name: "PBKDF2", hash: "SHA-256", salt: Uint8Array.from(salt), iterations }
    return Redacted.make(new Uint8Array(await crypto.subtle.deriveBits(params, key, 256)))
  })
