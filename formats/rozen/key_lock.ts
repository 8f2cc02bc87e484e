/**
 * The bytes of locks, `KEYS/<16 hex>.<8 hex>.json`. Each has the seed of a key, sealed for a password, an age recipient
 * or a key file. Whoever opens one has also learnt which owner to believe: see {@link Pin}. SPEC.md, "Locks".
 */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Schema from "effect/Schema"
import { corrupt } from "./errors.ts"
import { decodeJson, encodeJson } from "./json.ts"
import { decodeRecord } from "./key_record.ts"

/** The cost of scrypt (RFC 7914). */
export interface ScryptCost {
  /** Cost of processor time and memory: a power of two, from 2^10 to 2^20. */
  readonly n: number
  /** Block size, from 1 to 32. scrypt takes 128·n·r bytes of memory. */
  readonly r: number
  /** Passes, one after another: from 1 to 16. */
  readonly p: number
}

/** What a lock says of itself. Anybody can read it; it is authentic once the lock is open. */
export interface LockHead {
  readonly version: 1
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
export type LockMembers<Kind = KindMembers> = LockHead & Kind
/** A lock of a kind that is known. `sealed` is in hex. */
export type Lock<Kind = KindMembers> = LockMembers<Kind> & { readonly sealed: string; readonly check: string }
/** A lock of a kind that this version does not know. It is kept, and passed over. */
export type UnknownLock = LockHead & { readonly unknown: true }

const head = { version: Schema.Literal(1) }
const tail = { sealed: Schema.String, check: Schema.String }
const Known: { readonly [Kind in KindMembers["kind"]]: Schema.Codec<Lock<Extract<KindMembers, { kind: Kind }>>> } = {
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

/** Any lock: members are strings and integers, so that one of a later kind has no depth either. */
const Anything = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Int]))
const UnknownHead = Schema.Struct({ ...head, kind: Schema.String })

/** Tells a damaged or misplaced object from a wrong secret. It does not protect against alteration. */
const checksum = (object: string, members: object): string =>
  bytesToHex(blake3(concat([new TextEncoder().encode(object), encodeJson(members)])))

/** The additional data of what is sealed. It binds `sealed` to its key and to all that the lock says of itself. */
export const lockContext = (key: string, members: LockMembers): Uint8Array =>
  concat([new TextEncoder().encode(`penstock rozen 1 lock ${key}`), encodeJson(members)])

/** The members that are authentic when `sealed` opens. */
export const membersOf = ({ check: _check, sealed: _sealed, ...members }: Lock): LockMembers => members

/** The bytes of a lock. */
export const encodeLock = (object: string, members: LockMembers, sealed: Uint8Array): Uint8Array => {
  const all = { ...members, sealed: bytesToHex(sealed) }
  return encodeJson({ ...all, check: checksum(object, all) })
}

/** Decodes a lock. Throws RepositoryError `corrupt` when it is damaged, `newer` when a later version wrote it. */
export const decodeLock = (object: string, bytes: Uint8Array): Lock | UnknownLock => {
  const { check, ...members } = decodeRecord(object, Anything, bytes)
  if (check !== checksum(object, members)) {
    throw corrupt(object, `${object} was altered or damaged, or is another object`)
  }
  const { kind } = members
  if (typeof kind === "string" && Object.hasOwn(Known, kind)) {
    return decodeJson<Lock>(object, Known[kind as KindMembers["kind"]], bytes)
  }
  const [first, second] = Object.keys(members)
  if (first !== "version" || second !== "kind" || !Schema.is(UnknownHead)(members)) {
    throw corrupt(object, `${object} is damaged: it does not say what kind of lock it is`)
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

/** Whom a key believes: the owner of the epoch in which its lock was made. */
export interface Pin {
  /** The ID of the repository, 32 hex digits. */
  readonly id: string
  /** The Ed25519 public key of the owner, in hex. */
  readonly owner: string
  /** An earlier epoch is not believed to be the current one. */
  readonly epoch: number
}

/** What a lock holds. */
export interface LockPayload extends Pin {
  /** The seed of the key, in hex. */
  readonly seed: string
}

const Payload = Schema.Struct({ id: Schema.String, owner: Schema.String, epoch: Schema.Int, seed: Schema.String })

/** What is sealed. */
export const encodePayload = ({ epoch, id, owner, seed }: LockPayload): Uint8Array =>
  encodeJson({ id, owner, epoch, seed })

/** Decodes what was sealed. Throws RepositoryError `corrupt`. */
export const decodePayload = (object: string, bytes: Uint8Array): LockPayload => {
  const payload = decodeJson(object, Payload, bytes)
  if (!/^[0-9a-f]{64}$/.test(payload.seed)) throw corrupt(object, `${object} is damaged: it has no key`)
  return payload
}
