/**
 * Keys. A random master key of 32 bytes is sealed in slots; every other key is derived from it by purpose (BLAKE3 in key-derivation
 * mode). A key object `KEYS/<16 hex>.json` is a list of slots; each says its kind. SPEC.md, "Keys".
 */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { deriveKey } from "../../stages/encrypt/password.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel.ts"
import type { ObjectStore, StoreError } from "../../stages/pack/store.ts"
import { readWhole, RepositoryError, type Secrets } from "../format.ts"
import { attempt, corrupt, fromKernelError } from "./errors.ts"
import { decodeJson, encodeJson } from "./json.ts"
import { KEY_BYTES } from "./limits.ts"

/** What a slot holds: all that is needed to read the repository. */
export interface Unlocked {
  readonly master: Redacted.Redacted<Uint8Array>
  /** The repository's ID, 32 hex digits. */
  readonly id: string
}

/** Cost of scrypt. */
export interface ScryptCost {
  readonly n: number
  readonly r: number
  readonly p: number
}

/** 32 MiB and three passes: one of the equivalent costs of OWASP's Password Storage Cheat Sheet, the one with the memory that restic takes. */
export const DEFAULT_COST: ScryptCost = { n: 1 << 15, r: 8, p: 3 }

const Slot = Schema.Struct({
  kind: Schema.Literal("password"),
  kdf: Schema.Literal("scrypt"),
  n: Schema.Int,
  r: Schema.Int,
  p: Schema.Int,
  salt: Schema.String,
  cipher: Schema.Literal("xaes-256-gcm"),
  sealed: Schema.String,
})
/** A slot of a kind that this version does not know is kept and passed over. */
const Unknown = Schema.Struct({ kind: Schema.String, data: Schema.String })
const KeyObject = Schema.Struct({
  version: Schema.Int,
  slots: Schema.Array(Schema.Union([Slot, Unknown])),
  check: Schema.String,
})

/** Purposes of derived keys. */
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

/** The key for a purpose. */
export const subkey = (master: Redacted.Redacted<Uint8Array>, purpose: Purpose): Redacted.Redacted<Uint8Array> =>
  Redacted.make(
    blake3(Redacted.value(master), { context: new TextEncoder().encode(`penstock 2026-11-21 rozen 1 ${purpose}`) }),
  )

/** A new master key. */
export const newMaster = (): Redacted.Redacted<Uint8Array> => Redacted.make(crypto.getRandomValues(new Uint8Array(32)))

/** Tells damage, and that an object was put in the place of another, from a wrong password. It is no protection. */
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
  const key = yield* deriveKey(password, { kdf: "scrypt", ...cost, salt }).pipe(Effect.mapError(fromKernelError))
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

/** A slot belongs to its object: no other can stand for it. */
const slotContext = (name: string): Uint8Array => new TextEncoder().encode(`penstock rozen 1 key slot ${name}`)
const Payload = Schema.Struct({ id: Schema.String, master: Schema.String })

/** Names of the key objects. */
export const keyNames = (store: ObjectStore): Effect.Effect<ReadonlyArray<string>, StoreError> =>
  Stream.runCollect(store.list("KEYS/")).pipe(Effect.map((objects) => objects.map(({ name }) => name).sort()))

/** Reads and checks a key object. */
const readKey = Effect.fnUntraced(function* (store: ObjectStore, name: string) {
  const bytes = yield* readWhole(store, name, KEY_BYTES)
  return yield* attempt(() => {
    const { version, slots, check } = decodeJson(name, KeyObject, bytes)
    if (version !== 1) {
      throw new RepositoryError({
        reason: "newer",
        object: name,
        message: `${name} has version ${version}, which this Penstock cannot read`,
      })
    }
    if (check !== checksum(name, slots)) throw corrupt(name, `${name} was altered or damaged, or is another object`)
    return slots
  })
})

/** What is wrong with the key objects: each is read and its checksum verified. */
export const checkKeys = (store: ObjectStore): Effect.Effect<ReadonlyArray<RepositoryError>, StoreError> =>
  Effect.gen(function* () {
    const problems: Array<RepositoryError> = []
    for (const name of yield* keyNames(store)) {
      yield* Effect.catchTag(
        readKey(store, name),
        "RepositoryError",
        (error) => Effect.sync(() => problems.push(error)),
      )
    }
    return problems
  })

/**
 * Opens the first slot that the password fits. Fails with `wrong-key` when there is none and every key object is as it was written,
 * with `corrupt` when one is not. `keys`: the names of the key objects, where they are known.
 */
export const unlock: (
  store: ObjectStore,
  secrets: Secrets,
  keys?: ReadonlyArray<string>,
) => Effect.Effect<Unlocked, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, secrets, keys) {
  const { password } = secrets
  if (password === undefined) {
    return yield* new RepositoryError({
      reason: "wrong-key",
      message: `The repository at ${store.properties.location} needs a password`,
    })
  }
  const table = yield* Kernels
  let damaged: RepositoryError | undefined
  const names = keys ?? (yield* keyNames(store))
  if (names.length === 0) {
    const message = `The repository at ${store.properties.location} has no key: all of KEYS is missing`
    return yield* new RepositoryError({ reason: "corrupt", object: "KEYS/", message })
  }
  for (const name of names) {
    const slots = yield* Effect.catchTag(readKey(store, name), "RepositoryError", (error) =>
      Effect.sync(() => {
        damaged ??= error
        return []
      }))
    for (const slot of slots) {
      if (!("kdf" in slot)) continue
      const { n, r, p } = slot
      const salt = yield* hex(name, slot.salt)
      const sealed = yield* hex(name, slot.sealed)
      const key = yield* deriveKey(password, { kdf: "scrypt", n, r, p, salt }).pipe(Effect.mapError(fromKernelError))
      const opened = yield* Effect.sync(() =>
        open(() => makeKernel(aes256gcm(key), table).open(sealed, slotContext(name)))
      )
      if (opened === undefined) continue
      const { id, master } = yield* attempt(() => decodeJson(name, Payload, opened))
      return { id, master: Redacted.make(yield* hex(name, master)) }
    }
  }
  if (damaged !== undefined) return yield* damaged
  return yield* new RepositoryError({
    reason: "wrong-key",
    message: `The password does not open the repository at ${store.properties.location}`,
  })
})

const open = (run: () => Uint8Array): Uint8Array | undefined => {
  try {
    return run()
  } catch (error) {
    if (error instanceof KernelError && error.reason === "forged") return undefined
    throw error
  }
}

const hex = (object: string, text: string): Effect.Effect<Uint8Array, RepositoryError> =>
  attempt(() => {
    if (!/^([0-9a-f]{2})*$/.test(text)) {
      throw corrupt(object, `${object} is damaged: it has a value that is not hexadecimal`)
    }
    return hexToBytes(text)
  })
