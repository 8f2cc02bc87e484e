/**
 * The bytes of key objects, `KEYS/<16 hex>.json`. Each has the master key, sealed for one secret. SPEC.md,
 * "KEYS/*.json".
 */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Schema from "effect/Schema"
import { RepositoryError } from "../error.ts"
import { corrupt } from "./errors.ts"
import { decodeJson, encodeJson } from "./json.ts"

/** The cost of scrypt (RFC 7914). */
export interface ScryptCost {
  /** Cost of processor time and memory: a power of two, from 2^10 to 2^20. */
  readonly n: number
  /** Block size, from 1 to 32. scrypt takes 128·n·r bytes of memory. */
  readonly r: number
  /** Passes, one after another: from 1 to 16. */
  readonly p: number
}

/** What a key object says of itself. Anybody can read it; it is authentic once the object is open. */
export interface KeyHead {
  readonly version: 1
  /** What whoever has the secret can do: `owner`, everything. */
  readonly role: string
  /** What the user calls it. */
  readonly name: string
  /** Milliseconds since 1970. */
  readonly created: number
  /** Who made it, `user@host`. */
  readonly by: string
  /** What kind of secret opens it. */
  readonly kind: string
}

/** What a password opens. `salt` is in hex. */
export interface PasswordMembers extends ScryptCost {
  readonly kind: "password"
  readonly kdf: "scrypt"
  readonly salt: string
}
/** What an age identity opens. `header` is the header of an age file, in hex. */
export interface AgeMembers {
  readonly kind: "age"
  /** Whom it is for: `age1...`. */
  readonly recipient: string
  readonly header: string
}
/** What a file with 32 random bytes opens. */
export interface KeyFileMembers {
  readonly kind: "key-file"
}
/** The members that depend on the kind. */
export type KindMembers = PasswordMembers | AgeMembers | KeyFileMembers
/** The members that are authentic when `sealed` opens. */
export type KeyMembers<Kind = KindMembers> = KeyHead & Kind
/** A key object of a kind and a role that are known. `sealed` is in hex. */
export type KeyObject<Kind = KindMembers> = KeyMembers<Kind> & { readonly sealed: string; readonly check: string }
/** A key object of a kind or a role that this version does not know. It is kept, and passed over. */
export type UnknownKey = KeyHead & { readonly unknown: true }

const head = {
  version: Schema.Literal(1),
  role: Schema.Literal("owner"),
  name: Schema.String,
  created: Schema.Int,
  by: Schema.String,
}
const tail = { sealed: Schema.String, check: Schema.String }
const Known: { readonly [Kind in KindMembers["kind"]]: Schema.Codec<KeyObject<Extract<KindMembers, { kind: Kind }>>> } =
  {
    password: Schema.Struct({
      ...head,
      kind: Schema.Literal("password"),
      kdf: Schema.Literal("scrypt"),
      n: Schema.Int,
      r: Schema.Int,
      p: Schema.Int,
      salt: Schema.String,
      ...tail,
    }),
    age: Schema.Struct({
      ...head,
      kind: Schema.Literal("age"),
      recipient: Schema.String,
      header: Schema.String,
      ...tail,
    }),
    "key-file": Schema.Struct({ ...head, kind: Schema.Literal("key-file"), ...tail }),
  }

/** Any key object: members are strings and integers, so that one of a later kind has no depth either. */
const Anything = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Int]))
const UnknownHead = Schema.Struct({ ...head, role: Schema.String, kind: Schema.String })
const HEAD: ReadonlyArray<string> = ["version", "role", "name", "created", "by", "kind"]

/** Tells a damaged or misplaced object from a wrong secret. It does not protect against alteration. */
const checksum = (object: string, members: object): string =>
  bytesToHex(blake3(concat([new TextEncoder().encode(object), encodeJson(members)])))

/**
 * The additional data of what is sealed. It binds `sealed` to its object and to all that the object says of itself.
 */
export const keyContext = (object: string, members: KeyMembers): Uint8Array =>
  concat([new TextEncoder().encode(`penstock rozen 1 key ${object}`), encodeJson(members)])

/** The members that are authentic when `sealed` opens. */
export const membersOf = ({ check: _check, sealed: _sealed, ...members }: KeyObject): KeyMembers => members

/** The bytes of a key object. */
export const encodeKey = (object: string, members: KeyMembers, sealed: Uint8Array): Uint8Array => {
  const all = { ...members, sealed: bytesToHex(sealed) }
  return encodeJson({ ...all, check: checksum(object, all) })
}

/** Decodes a key object. Throws RepositoryError `corrupt` when it is damaged, `newer` when a later version wrote it. */
export const decodeKey = (object: string, bytes: Uint8Array): KeyObject | UnknownKey => {
  const { check, ...members } = decodeJson(object, Anything, bytes)
  const { kind, role, version } = members
  if (version !== 1 && typeof version === "number") {
    throw new RepositoryError({
      reason: "newer",
      object,
      message: `${object} has version ${version}, which this Penstock cannot read`,
    })
  }
  if (check !== checksum(object, members)) {
    throw corrupt(object, `${object} was altered or damaged, or is another object`)
  }
  if (role === "owner" && typeof kind === "string" && Object.hasOwn(Known, kind)) {
    return decodeJson<KeyObject>(object, Known[kind as KindMembers["kind"]], bytes)
  }
  if (!HEAD.every((name, i) => Object.keys(members)[i] === name) || !Schema.is(UnknownHead)(members)) {
    throw corrupt(object, `${object} is damaged: it does not say what kind of key it is`)
  }
  return { ...members, unknown: true }
}

/** Decodes hex. Throws RepositoryError `corrupt`. */
export const fromHex = (object: string, text: string): Uint8Array => {
  if (!/^([0-9a-f]{2})*$/.test(text)) {
    throw corrupt(object, `${object} is damaged: it has a value that is not hexadecimal`)
  }
  return hexToBytes(text)
}

const Payload = Schema.Struct({ id: Schema.String, master: Schema.String })

/** What is sealed: the ID of the repository and the master key. */
export const encodePayload = (id: string, master: Uint8Array): Uint8Array =>
  encodeJson({ id, master: bytesToHex(master) })

/** Decodes what was sealed. Throws RepositoryError `corrupt`. */
export const decodePayload = (
  object: string,
  bytes: Uint8Array,
): { readonly id: string; readonly master: Uint8Array } => {
  const { id, master } = decodeJson(object, Payload, bytes)
  return { id, master: fromHex(object, master) }
}
