/**
 * Keys. The master key, 32 random bytes, is sealed in slots. Every other key is derived from it by purpose, with BLAKE3
 * in key-derivation mode. A key object, `KEYS/<16 hex>.json`, is a list of slots, each of some kind. SPEC.md, "Keys".
 */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { deriveKey, provenScrypt, Scrypt } from "../../stages/encrypt/password.ts"
import { Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { readWhole } from "../read_whole.ts"
import { RepositoryError } from "../error.ts"
import { asDamage, corrupt, fromKernelError } from "./errors.ts"
import { decodeJson, encodeJson } from "./json.ts"
import { KEY_BYTES, KEY_OBJECTS, KEY_SLOTS } from "./limits.ts"

/** What a slot holds: all that it takes to read the repository. */
export interface Unlocked {
  readonly master: Redacted.Redacted<Uint8Array>
  /** The ID of the repository, 32 hex digits. */
  readonly id: string
}

/** The cost of scrypt (RFC 7914). */
export interface ScryptCost {
  /** Cost of processor time and memory: a power of two, from 2^10 to 2^20. */
  readonly n: number
  /** Block size, from 1 to 32. scrypt takes 128·n·r bytes of memory. */
  readonly r: number
  /** Passes, one after another: from 1 to 16. */
  readonly p: number
}

/**
 * 32 MiB and three passes. It is one of the equivalent costs of OWASP's Password Storage Cheat Sheet, and takes as much
 * memory as restic does.
 */
export const DEFAULT_COST: ScryptCost = { n: 1 << 15, r: 8, p: 3 }

/** A slot that a password opens. `salt` and `sealed` are in hex, as they are stored. */
export interface PasswordSlot extends ScryptCost {
  readonly kind: "password"
  readonly kdf: "scrypt"
  readonly salt: string
  readonly cipher: "xaes-256-gcm"
  readonly sealed: string
}

/** A slot of a kind that this version does not know. It is kept, and passed over. */
export interface UnknownSlot {
  readonly kind: string
  readonly data: string
}

const Slot: Schema.Codec<PasswordSlot> = Schema.Struct({
  kind: Schema.Literal("password"),
  kdf: Schema.Literal("scrypt"),
  n: Schema.Int,
  r: Schema.Int,
  p: Schema.Int,
  salt: Schema.String,
  cipher: Schema.Literal("xaes-256-gcm"),
  sealed: Schema.String,
})
const Unknown: Schema.Codec<UnknownSlot> = Schema.Struct({ kind: Schema.String, data: Schema.String })
const KeyObject = Schema.Struct({
  version: Schema.Int,
  slots: Schema.Array(Schema.Union([Slot, Unknown])),
  check: Schema.String,
})

/** What a derived key is used for. */
export type Purpose =
  | "chunk ids"
  | "chunk cuts"
  | "blocks"
  | "pack footers"
  | "indexes"
  | "logs"
  | "snapshots"
  | "config"
  | "plain objects"

/** Derives the key for a purpose. */
export const subkey = (master: Redacted.Redacted<Uint8Array>, purpose: Purpose): Redacted.Redacted<Uint8Array> =>
  Redacted.make(
    blake3(Redacted.value(master), { context: new TextEncoder().encode(`penstock 2026-11-21 rozen 1 ${purpose}`) }),
  )

/** Makes a new master key. */
export const newMaster = (): Redacted.Redacted<Uint8Array> => Redacted.make(crypto.getRandomValues(new Uint8Array(32)))

/** Tells a damaged or misplaced object from a wrong password. It does not protect against alteration. */
const checksum = (name: string, slots: unknown): string =>
  bytesToHex(blake3(concat([new TextEncoder().encode(name), encodeJson(slots)])))

/** Writes a key object with one password slot. */
export const writeKey: (
  store: ObjectStore,
  unlocked: Unlocked,
  password: Redacted.Redacted<string>,
  cost: ScryptCost,
) => Effect.Effect<void, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, unlocked, password, cost) {
  const name = `KEYS/${bytesToHex(crypto.getRandomValues(new Uint8Array(8)))}.json`
  const salt = crypto.getRandomValues(new Uint8Array(32))
  const key = yield* deriveKey(password, { kdf: "scrypt", ...cost, salt }).pipe(
    Effect.provideService(Scrypt, provenScrypt(yield* Scrypt)),
    Effect.mapError(fromKernelError),
  )
  const cipher = makeKernel(aes256gcm(key), yield* Kernels)
  const payload = encodeJson({ id: unlocked.id, master: bytesToHex(Redacted.value(unlocked.master)) })
  const slots = [{
    kind: "password",
    kdf: "scrypt",
    ...cost,
    salt: bytesToHex(salt),
    cipher: "xaes-256-gcm",
    sealed: bytesToHex(cipher.seal(payload, slotContext(name))),
  }]
  yield* store.put(name, [encodeJson({ version: 1, slots, check: checksum(name, slots) })], { unique: true })
})

/** The additional data of a slot. It binds the slot to its object, so that no other object can stand for it. */
export const slotContext = (name: string): Uint8Array => new TextEncoder().encode(`penstock rozen 1 key slot ${name}`)

const NAME = /^KEYS\/[0-9a-f]{16}\.json$/

/** Lists the key objects. When there are too many, gives one more than there can be: see {@link tooManyKeys}. */
export const keyNames = (store: ObjectStore): Effect.Effect<ReadonlyArray<string>, StoreError> =>
  store.list("KEYS/").pipe(
    Stream.map(({ name }) => name),
    Stream.filter((name) => NAME.test(name)),
    Stream.take(KEY_OBJECTS + 1),
    Stream.runCollect,
    Effect.map((names) => names.sort()),
  )

/** The error when there are too many key objects to read; undefined otherwise. */
export const tooManyKeys = (names: ReadonlyArray<string>): RepositoryError | undefined =>
  names.length <= KEY_OBJECTS ? undefined : corrupt(
    "KEYS/",
    `KEYS/ has more than the ${KEY_OBJECTS} objects that a repository can have: remove those that are not yours`,
  )

/**
 * Reads and checks a key object, and reads it again when it is not what it should be. Gives its slots, with those of
 * unknown kinds. Fails with `corrupt` when it is damaged, missing, or cannot be read.
 */
export const readKey: (
  store: ObjectStore,
  name: string,
) => Effect.Effect<ReadonlyArray<PasswordSlot | UnknownSlot>, RepositoryError | StoreError> = Effect
  .fnUntraced(function* (store, name) {
    const bytes = yield* readWhole(store, name, KEY_BYTES)
    return yield* catching(RepositoryError, () => {
      const { version, slots, check } = decodeJson(name, KeyObject, bytes)
      if (version !== 1) {
        throw new RepositoryError({
          reason: "newer",
          object: name,
          message: `${name} has version ${version}, which this Penstock cannot read`,
        })
      }
      if (check !== checksum(name, slots)) throw corrupt(name, `${name} was altered or damaged, or is another object`)
      if (slots.length > KEY_SLOTS) throw corrupt(name, `${name} has ${slots.length} slots, more than ${KEY_SLOTS}`)
      return slots
    })
  }, (read, _store, name) => Effect.mapError(readTwice(name, read), asDamage(name)))

/** Reads all key objects and verifies their checksums. Gives what is wrong with them. */
export const checkKeys = (store: ObjectStore): Effect.Effect<ReadonlyArray<RepositoryError>, StoreError> =>
  Effect.gen(function* () {
    const problems: Array<RepositoryError> = []
    const names = yield* keyNames(store)
    const tooMany = tooManyKeys(names)
    if (tooMany !== undefined) return [tooMany]
    for (const name of names) {
      yield* Effect.catchTag(
        readKey(store, name),
        "RepositoryError",
        (error) => Effect.sync(() => problems.push(error)),
      )
    }
    return problems
  })
