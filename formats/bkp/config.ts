/** `config`: says that this is a repository, of which version, and how it is encrypted. SPEC.md, "config". */
import { pbkdf2Async } from "@noble/hashes/pbkdf2.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { chacha20poly1305 } from "../../stages/encrypt/chacha20poly1305.ts"
import { KernelError, type KernelTable, makeKernel } from "../../stages/kernel/kernel.ts"
import { RepositoryError, type Secrets } from "../format.ts"
import { corrupt } from "./errors.ts"
import { type KeyScheme, makeVault, openVault, type Vault } from "./object_cipher.ts"

export const CONFIG = "config"

/** What opens the vault, apart from the password. */
interface Encryption {
  readonly cipher: "chacha20-poly1305"
  readonly keys: KeyScheme
  readonly kdf: "pbkdf2-hmac-sha256"
  readonly iterations: number
  /** Hex. */
  readonly salt: string
  /** The sealed master key, hex. */
  readonly key: string
}
export interface Config {
  readonly format: "bkp"
  readonly version: 1
  /** 32 hex digits. */
  readonly id: string
  readonly encryption: Encryption | null
  /** SHA-256 of the rest, hex. */
  readonly check: string
}
const Stored: Schema.Codec<Config> = Schema.Struct({
  format: Schema.Literal("bkp"),
  version: Schema.Literal(1),
  id: Schema.String,
  encryption: Schema.NullOr(Schema.Struct({
    cipher: Schema.Literal("chacha20-poly1305"),
    keys: Schema.Literals(["per-object", "one"]),
    kdf: Schema.Literal("pbkdf2-hmac-sha256"),
    iterations: Schema.Int,
    salt: Schema.String,
    key: Schema.String,
  })),
  check: Schema.String,
})
const Version = Schema.Struct({ format: Schema.Literal("bkp"), version: Schema.Int })

/** Iterations that are neither none nor a way to keep a reader busy for hours. */
const MAXIMUM_ITERATIONS = 10_000_000
const KEY_CONTEXT = new TextEncoder().encode("bkp key")

const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/** The stored form, checksum included. */
export const encodeConfig = ({ encryption, format, id, version }: Omit<Config, "check">): Uint8Array => {
  const body = { format, version, id, encryption }
  return json({ ...body, check: bytesToHex(sha256(json(body))) })
}

const parse = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))

/** Whether the object says that it is of this format, whatever else it says. */
export const isConfig = (bytes: Uint8Array): boolean => {
  try {
    return Schema.is(Version)(parse(bytes))
  } catch {
    return new TextDecoder().decode(bytes.subarray(0, 15)) === `{"format":"bkp"`
  }
}

const isJson = (bytes: Uint8Array): boolean => {
  try {
    return typeof parse(bytes) === "object"
  } catch {
    return false
  }
}

/** Throws RepositoryError `corrupt`, `foreign` or `newer`. */
export const decodeConfig = (bytes: Uint8Array): Config => {
  const damaged = () =>
    corrupt(
      CONFIG,
      `${CONFIG} was altered or is damaged: it holds the key, and without that nothing encrypted can be read; put a copy of it back`,
    )
  if (!isConfig(bytes)) {
    if (!isJson(bytes)) throw damaged()
    throw new RepositoryError({
      reason: "foreign",
      object: CONFIG,
      message: `${CONFIG} is not that of a bkp repository`,
    })
  }
  let config: Config
  try {
    const value = parse(bytes)
    const { version } = Schema.decodeUnknownSync(Version)(value)
    if (version > 1) {
      throw new RepositoryError({
        reason: "newer",
        object: CONFIG,
        message: `The repository has version ${version}; this Penstock reads 1, so use a later one`,
      })
    }
    config = Schema.decodeUnknownSync(Stored)(value)
  } catch (error) {
    throw error instanceof RepositoryError ? error : damaged()
  }
  const again = encodeConfig(config)
  if (again.length !== bytes.length || again.some((byte, i) => byte !== bytes[i])) throw damaged()
  if (!/^[0-9a-f]{32}$/.test(config.id)) throw damaged()
  if (config.encryption !== null) {
    const { iterations, key, salt } = config.encryption
    if (iterations < 1 || iterations > MAXIMUM_ITERATIONS || !/^[0-9a-f]{120}$/.test(key)) throw damaged()
    if (!/^([0-9a-f]{2}){8,64}$/.test(salt)) throw damaged()
  }
  return config
}

/** How a password opens a new repository. */
export interface KeyOptions {
  readonly iterations: number
  readonly keys: KeyScheme
}

/** A new config, encrypted when there is a password. */
export const newConfig: (
  password: Secrets["password"],
  options: KeyOptions,
  table: KernelTable,
) => Effect.Effect<{ readonly config: Config; readonly bytes: Uint8Array; readonly vault: Vault }, RepositoryError> =
  Effect.fnUntraced(function* (password, { iterations, keys }, table) {
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
    const id = bytesToHex(random(16))
    const finish = (encryption: Config["encryption"], vault: Vault) => {
      const bytes = encodeConfig({ format: "bkp", version: 1, id, encryption })
      return { config: decodeConfig(bytes), bytes, vault }
    }
    if (password === undefined) return finish(null, openVault)
    const salt = random(32)
    const master = Redacted.make(random(32))
    const wrapping = yield* derive(password, salt, iterations)
    const sealed = makeKernel(chacha20poly1305(wrapping), table).seal(Redacted.value(master), KEY_CONTEXT)
    return finish({
      cipher: "chacha20-poly1305",
      keys,
      kdf: "pbkdf2-hmac-sha256",
      iterations,
      salt: bytesToHex(salt),
      key: bytesToHex(sealed),
    }, makeVault(master, keys, table))
  })

/**
 * Opens the vault of a config. Fails with `wrong-key`, or with `unused-secret` where there is no encryption; a damaged
 * config was found out before.
 */
export const unlock: (
  { encryption }: Config,
  password: Secrets["password"],
  location: string,
  table: KernelTable,
) => Effect.Effect<Vault, RepositoryError> = Effect.fnUntraced(function* ({ encryption }, password, location, table) {
  const wrong = (message: string) => new RepositoryError({ reason: "wrong-key", object: CONFIG, message })
  if (encryption === null) {
    if (password === undefined) return openVault
    // Whoever can write to the store could otherwise have what follows stored in the clear.
    return yield* new RepositoryError({
      reason: "unused-secret",
      object: CONFIG,
      message:
        `The repository at ${location} is not encrypted: open it without a password, or, if it should be, put a copy of its ${CONFIG} back`,
    })
  }
  if (password === undefined) return yield* wrong(`The repository at ${location} needs a password`)
  const wrapping = yield* derive(password, hexToBytes(encryption.salt), encryption.iterations)
  return yield* Effect.try({
    try: () => {
      const master = makeKernel(chacha20poly1305(wrapping), table).open(hexToBytes(encryption.key), KEY_CONTEXT)
      return makeVault(Redacted.make(master), encryption.keys, table)
    },
    catch: (error) => {
      if (!(error instanceof KernelError)) throw error
      return wrong(`The password does not open the repository at ${location}`)
    },
  })
})

/** PBKDF2 (RFC 8018) with HMAC-SHA256 over the UTF-8 of the password in NFC; 32 bytes. */
export const derive = (
  password: Redacted.Redacted<string>,
  salt: Uint8Array,
  iterations: number,
): Effect.Effect<Redacted.Redacted<Uint8Array>> =>
  Effect.promise(async () => {
    const bytes = new TextEncoder().encode(Redacted.value(password).normalize("NFC"))
    // Browsers have WebCrypto in secure contexts only, and some runtimes take no empty key.
    if (bytes.length === 0 || crypto.subtle === undefined) {
      return Redacted.make(await pbkdf2Async(sha256, bytes, salt, { c: iterations, dkLen: 32 }))
    }
    const key = await crypto.subtle.importKey("raw", bytes, "PBKDF2", false, ["deriveBits"])
    const params = { name: "PBKDF2", hash: "SHA-256", salt: Uint8Array.from(salt), iterations }
    return Redacted.make(new Uint8Array(await crypto.subtle.deriveBits(params, key, 256)))
  })
