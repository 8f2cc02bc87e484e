/** The keys of an open repository: lists, adds, changes and removes them. SPEC.md, "KEYS". */
import { Equivalence } from "effect/Bytes"
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type ObjectStore, StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { KeyInfo, KeyRole, NewSecret, RepositoryKeys } from "../keys.ts"
import { readWhole } from "../read_whole.ts"
import { corrupt } from "./errors.ts"
import { signEnd } from "./key_end.ts"
import { type Grant, sealGrant } from "./key_grant.ts"
import { decodeLock } from "./key_lock.ts"
import { sealLock, slotOf } from "./key_lock_seal.ts"
import { admitTexts, type KeyOptions, makeKey, signingSeed } from "./key_make.ts"
import type { Opening } from "./key_open.ts"
import { mendEpochs } from "./key_mend.ts"
import { keyIdIn, keyNames } from "./key_read.ts"
import { secretsOf } from "./key_roles.ts"
import { rotateKeys } from "./key_rotate.ts"
import { type KeyState, readKeyState } from "./key_state.ts"
import type { VerifiedKeys } from "./key_verify.ts"
import type { OwnerSecrets, Role } from "./keyring.ts"
import { END_BYTES, GRANT_BYTES, KEYS } from "./limits.ts"

/** An open repository whose keys are managed. */
export interface KeysOf {
  readonly store: ObjectStore
  readonly opening: Opening
  /** How new keys are made. */
  readonly options: KeyOptions
  /** The roles that its keys can have. Block version 0 has owners only, and cannot rotate. */
  readonly roles: ReadonlyArray<Role>
  /** The IDs of the snapshots that the writer with this Ed25519 public key (in hex) has signed. */
  readonly snapshotsOf: (signing: string) => Effect.Effect<ReadonlyArray<string>, FormatError>
}

const unsupported = (message: string): RepositoryError => new RepositoryError({ reason: "unsupported", message })

/** Whether an object is a lock or a grant of a key. Records of epochs are of no key. */
const isOf = (object: string, id: string): boolean =>
  id !== "" && keyIdIn(object) === id && !object.endsWith(".end.json")

/** The keys of a repository. */
export const makeKeys = ({ opening: first, options, roles, snapshotsOf, store }: KeysOf): RepositoryKeys => {
  const { location } = store.properties
  let opening = first

  const infoOf = ({ locks }: Pick<VerifiedKeys, "locks">, { by, created, epoch, key, name, role }: Grant): KeyInfo => {
    const [, lock] = [...locks].find(([object]) => keyIdIn(object) === key) ?? []
    const recipient = lock !== undefined && "recipient" in lock ? { recipient: lock.recipient } : {}
    const inUse = key === opening.key?.id
    return { id: key, role, kind: lock?.kind ?? "none", name, created, by, epoch, ...recipient, inUse }
  }

  /** What is there now. */
  const read: Effect.Effect<KeyState, FormatError> = Effect.suspend(() => readKeyState(store, opening))

  /** The secrets of an owner, and what is there now. Fails for all others, and when the keys were rotated meanwhile. */
  const asOwner = (what: string): Effect.Effect<KeyState & { readonly secrets: OwnerSecrets }, FormatError> =>
    Effect.gen(function* () {
      const { key, keyring, secrets } = opening
      if (secrets === undefined) {
        return yield* unsupported(
          key === undefined
            ? `The paper key is older than the last rotation of the keys, and cannot ${what}: use a key of an owner`
            : `The key ${key.id} is a ${keyring.role}'s, and cannot ${what}: that takes an owner's key`,
        )
      }
      const state = yield* read
      if (state.verified.chain.length === secrets.masters.length) return { ...state, secrets }
      return yield* unsupported(
        `Somebody has rotated the keys of the repository at ${location} since it was opened: open it again`,
      )
    })

  const put = (object: string, bytes: Uint8Array) =>
    Effect.gen(function* () {
      yield* store.put(object, [bytes], { unique: true })
      // Nothing may rely on it before it can be read.
      if (Equivalence(yield* readWhole(store, object, Math.max(GRANT_BYTES, bytes.length)), bytes)) return
      return yield* corrupt(object, `${object} was written, but cannot be read back as it is`)
    })

  const add = Effect.fnUntraced(function* (secret: NewSecret, name: string | undefined, role: KeyRole) {
    if (!roles.includes(role)) {
      return yield* unsupported(`A repository of block version 0 has keys of owners only, not of a ${role}`)
    }
    const state = yield* asOwner("add keys")
    if (state.verified.grants.size >= KEYS) {
      return yield* unsupported(
        `The repository at ${location} has ${KEYS} keys, and cannot have more: remove one first`,
      )
    }
    const { grant, key, lock } = yield* makeKey({ secrets: state.secrets, pin: opening.pin }, role, secret, {
      ...options,
      name,
    })
    yield* mendEpochs(store, opening, state.objects)
    yield* put(grant.object, grant.bytes)
    yield* put(lock.object, lock.bytes)
    const { verified } = yield* read
    const made = verified.grants.get(key.id)
    if (made !== undefined) return infoOf(verified, made)
    return yield* unsupported(
      `Somebody has rotated the keys of the repository at ${location} just now: open it again, and remove the key ` +
        `${key.id}, which does not count`,
    )
  })

  const remove = Effect.fnUntraced(function* (id: string) {
    const { secrets, verified } = yield* asOwner("remove keys")
    const grant = verified.grants.get(id)
    const objects = (yield* keyNames(store)).filter((name) => isOf(name, id))
    if (grant === undefined && objects.length === 0) {
      return yield* unsupported(
        verified.ends.has(id)
          ? `The key ${id} has been removed from the repository at ${location} already`
          : `The repository at ${location} has no key ${id}`,
      )
    }
    if (id === opening.key?.id) {
      return yield* unsupported(`The key ${id} is in use: open the repository with another one to remove it`)
    }
    const opens = new Set([...verified.locks].flatMap(([name, lock]) => "unknown" in lock ? [] : [keyIdIn(name)]))
    const owners = [...verified.grants.values()].filter(({ key, role }) => role === "owner" && opens.has(key))
    if (grant !== undefined && owners.every(({ key }) => key === id)) {
      return yield* unsupported(
        `The key ${id} is the last one of an owner of the repository at ${location}: add another first`,
      )
    }
    if (grant !== undefined) {
      const { by, created, name, role, signing } = grant
      const snapshots = role === "writer" ? yield* snapshotsOf(signing) : []
      const end = yield* signEnd({
        ...{ repository: secrets.id, key: id, role, name, created, by, signing, snapshots },
        epoch: opening.pin.epoch,
        ended: yield* Clock.currentTimeMillis,
      }, signingSeed(secrets))
      if (end.bytes.length > END_BYTES) {
        return yield* unsupported(`The key ${id} has made too many snapshots, ${snapshots.length}, for one record`)
      }
      yield* put(end.object, end.bytes)
    }
    // Locks first: a key without a lock opens nothing.
    for (const object of objects.sort((a, b) => a.length - b.length)) yield* store.remove(object)
  })

  const replace = Effect.fnUntraced(function* (secret: NewSecret, name: string | undefined) {
    const { key: old, pin } = opening
    if (old === undefined) {
      return yield* unsupported("A paper key opened the repository, and cannot be replaced: add a key instead")
    }
    const owner = name === undefined ? undefined : yield* asOwner("change its name")
    const grant = (owner ?? (yield* read)).verified.grants.get(old.id)
    if (grant === undefined) return yield* unsupported(`The key ${old.id} was removed since it opened the repository`)
    const slot = yield* slotOf(secret, options.cost)
    if (name !== undefined && owner !== undefined) {
      yield* admitTexts({ name })
      const { secrets } = owner
      const named = yield* sealGrant({ ...grant, name }, secretsOf("owner", secrets), signingSeed(secrets), old.seed)
      yield* put(named.object, named.bytes)
      yield* store.remove(grant.object)
    }
    const lock = yield* sealLock(old.id, { ...pin, seed: bytesToHex(Redacted.value(old.seed)) }, slot)
    yield* put(lock.object, lock.bytes)
    opening = { ...opening, key: { ...old, lock: lock.object, slot, pin } }
    yield* Effect.mapError(store.remove(old.lock), (error) =>
      new StoreError({
        ...error,
        message: `${error.message}; the new secret opens the repository, and so may the old one, as ${old.lock}`,
      }))
    const locks = new Map([[lock.object, decodeLock(lock.object, lock.bytes)]])
    return infoOf({ locks }, { ...grant, name: name ?? grant.name })
  })

  return {
    list: Effect.map(read, ({ objects, verified }) => {
      const { ends, grants, problems } = verified
      const ended = [...ends.values()].map(({ by, created, ended, epoch, key, name, role }): KeyInfo => ({
        ...{ id: key, role, kind: "none", name, created, by, epoch, inUse: false, ended },
      }))
      const byId = (a: KeyInfo, b: KeyInfo) => a.id < b.id ? -1 : 1
      const valid = [...grants.values()].map((grant) => infoOf(objects, grant))
      return { keys: [...valid.sort(byId), ...ended.sort(byId)], damaged: problems }
    }),
    add: (secret, { name, role = "owner" } = {}) => add(secret, name, role),
    remove,
    replace: (secret, { name } = {}) => replace(secret, name),
    rotate: Effect.gen(function* () {
      if (!roles.includes("reader")) {
        return yield* unsupported("The keys of a repository of block version 0 cannot be rotated: convert it to rozen")
      }
      const state = yield* asOwner("rotate keys")
      yield* mendEpochs(store, opening, state.objects)
      opening = yield* rotateKeys({ store, opening, secrets: state.secrets, verified: state.verified, put })
      const { verified } = yield* read
      return {
        epoch: opening.pin.epoch,
        keys: [...verified.grants.values()].map((grant) => infoOf(verified, grant)),
      }
    }),
    export: Effect.gen(function* () {
      const { secrets } = yield* asOwner("print a paper key")
      const { encodePaper } = yield* Effect.promise(() => import("./paper.ts"))
      return encodePaper(secrets)
    }),
  }
}
