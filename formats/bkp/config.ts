/** The object `config`: the version of a repository, and how it is encrypted. SPEC.md, "config". */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Schema from "effect/Schema"
import { RepositoryError } from "../error.ts"
import { fromJson } from "../json.ts"
import { corrupt } from "./errors.ts"
import { CONFIG } from "./layout.ts"
import type { KeyScheme } from "./object_cipher.ts"

/** What unlocks the master key, together with the password. */
interface Encryption {
  readonly cipher: "chacha20-poly1305"
  readonly keys: KeyScheme
  readonly kdf: "pbkdf2-hmac-sha256"
  readonly iterations: number
  /** Hex. */
  readonly salt: string
  /** The master key, encrypted; hex. */
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

const ConfigSchema: Schema.Codec<Config> = Schema.Struct({
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

/** More iterations would keep a reader busy for hours. */
const MAXIMUM_ITERATIONS = 10_000_000

const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/** The stored form, with its checksum. */
export const encodeConfig = ({ encryption, format, id, version }: Omit<Config, "check">): Uint8Array => {
  const body = { format, version, id, encryption }
  return json({ ...body, check: bytesToHex(sha256(json(body))) })
}

const parse = (bytes: Uint8Array): unknown => fromJson(Schema.Unknown, bytes)

/** Whether an object claims to be the config of a bkp repository, valid or not. */
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

/** The inverse of {@link encodeConfig}. Throws RepositoryError `corrupt`, `foreign` or `newer`. */
export const decodeConfig = (bytes: Uint8Array): Config => {
  const damaged = () =>
    corrupt(
      CONFIG,
      `${CONFIG} was altered or is damaged. It holds the key of the repository, and nothing encrypted can be read ` +
        `without it: put a copy of ${CONFIG} back`,
    )
  if (!isConfig(bytes)) {
    if (!isJson(bytes)) throw damaged()
    throw new RepositoryError({
      reason: "foreign",
      object: CONFIG,
      message: `${CONFIG} is not the config of a bkp repository`,
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
        message: `The repository has version ${version}, and this Penstock reads version 1: use a later Penstock`,
      })
    }
    config = Schema.decodeUnknownSync(ConfigSchema)(value)
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
