/**
 * Begins an epoch: new secrets of the repository for all keys that it has. The record of the epoch is the commit:
 * before it, the new grants do not count, and after it the old ones do not. SPEC.md, "Rotation".
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import { Equivalence } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { catching } from "../../stages/kernel/catching.ts"
import { Ed25519 } from "../../stages/sign/sign.ts"
import { absent, created } from "../../stages/store/absent.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { carryForgotten } from "./forgotten.ts"
import { signEnd } from "./key_end.ts"
import { type Grant, sealGrant } from "./key_grant.ts"
import { sealLock } from "./key_lock_seal.ts"
import { encodeEpochs, signingSeed } from "./key_make.ts"
import type { Opening } from "./key_open.ts"
import { readAllKeys } from "./key_read.ts"
import { isRole, secretsOf } from "./key_roles.ts"
import { signersOf, type VerifiedKeys, verifyKeys } from "./key_verify.ts"
import { currentEpoch, ownerKeyring, type OwnerSecrets } from "./keyring.ts"
import { newSecret } from "./keys.ts"
import { makeLayout } from "./layout.ts"
import { EPOCH_BYTES, EPOCHS } from "./limits.ts"

/** A repository whose keys are rotated. */
export interface Rotation {
  readonly store: ObjectStore
  readonly opening: Opening
  readonly secrets: OwnerSecrets
  readonly verified: VerifiedKeys
  /** Writes an object under a random name, and reads it back. */
  readonly put: (object: string, bytes: Uint8Array) => Effect.Effect<void, FormatError>
}

const unsupported = (message: string): RepositoryError => new RepositoryError({ reason: "unsupported", message })

/** Rotates, and gives the repository as its owner opens it from now on. */
export const rotateKeys: (rotation: Rotation) => Effect.Effect<Opening, FormatError> = Effect.fnUntraced(
  function* ({ opening, put, secrets, store, verified }) {
    const { location } = store.properties
    if (secrets.masters.length >= EPOCHS) {
      return yield* unsupported(`The keys of a repository can be rotated ${EPOCHS - 1} times: convert it to a new one`)
    }
    for (const { key, role } of verified.grants.values()) {
      if (!isRole(role)) {
        return yield* unsupported(`The key ${key} has the role ${role}, which this Penstock cannot grant again`)
      }
    }
    const next: OwnerSecrets = { ...secrets, masters: [...secrets.masters, newSecret()] }
    const recipients = verified.chain.map(({ recipient }) => recipient)
    const keyring = yield* ownerKeyring(next, { recipients, writers: signersOf(verified) })
    const { epochs, pin } = yield* encodeEpochs(keyring, next)
    const seed = signingSeed(next)
    const carry = carryForgotten(store, makeLayout(opening.keyring), {
      ...{ repository: next.id, number: epochs.length, owner: currentEpoch(keyring).owner, seed },
    })
    const { epoch } = pin

    const written: Array<string> = []
    const write = ({ bytes, object }: { readonly object: string; readonly bytes: Uint8Array }) => {
      written.push(object)
      return put(object, bytes)
    }
    const seedOf = ({ key }: Grant) => opening.key?.id === key ? opening.key.seed : undefined
    const grantAgain = (grant: Grant) =>
      isRole(grant.role)
        ? Effect.flatMap(
          // Of all seeds, an owner knows its own.
          sealGrant({ ...grant, epoch }, secretsOf(grant.role, next), seed, seedOf(grant)),
          write,
        )
        : Effect.void
    const prepare = Effect.gen(function* () {
      yield* Effect.forEach(verified.grants.values(), grantAgain, { discard: true })
      for (const end of verified.ends.values()) yield* write(yield* signEnd({ ...end, epoch }, seed))
      yield* carry
    })
    const withdraw = Effect.ignore(
      Effect.forEach(written, (object) => Effect.ignore(store.remove(object)), { discard: true }),
    )
    yield* Effect.onError(prepare, () => withdraw)

    // The answer to a put may be lost, so what is there tells who was first. Until that is known, all is left as it is.
    const { bytes, object } = epochs.at(-1)!
    const committed = yield* Effect.result(created(store.put(object, [bytes])))
    const there = yield* absent(store.get(object, { atMost: EPOCH_BYTES }))
    if (there === undefined || !Equivalence(there, bytes)) {
      if (committed._tag === "Failure") return yield* committed.failure
      yield* withdraw
      return yield* unsupported(
        `Somebody else has rotated the keys of the repository at ${location} at the same time: nothing is changed; ` +
          `see penstock key list. (If nobody has, remove ${object})`,
      )
    }

    // What was done meanwhile counts in the old epoch only: keys that were added or removed, snapshots that were
    // forgotten.
    const kernel = yield* Ed25519
    const objects = yield* readAllKeys(store)
    const before = yield* catching(
      RepositoryError,
      () => verifyKeys(kernel, { ...objects, epochs: verified.chain }, opening.pin),
    )
    const now = yield* catching(RepositoryError, () => verifyKeys(kernel, objects, pin))
    for (const end of before.ends.values()) {
      if (!now.ends.has(end.key)) yield* write(yield* signEnd({ ...end, epoch }, seed))
    }
    for (const grant of before.grants.values()) {
      if (!now.grants.has(grant.key) && !now.ends.has(grant.key)) yield* grantAgain(grant)
    }
    yield* carry

    // From now on this key does not take an earlier epoch for the current one.
    const { key } = opening
    let repinned = key
    if (key !== undefined) {
      const lock = yield* sealLock(key.id, { ...pin, seed: bytesToHex(Redacted.value(key.seed)) }, key.slot)
      yield* put(lock.object, lock.bytes)
      repinned = { ...key, lock: lock.object, pin }
      yield* store.remove(key.lock)
    }
    const keep = new Set(written)
    for (const { epoch: of, object, repository } of [...objects.grants, ...objects.ends]) {
      if (repository === pin.id && of <= epoch && !keep.has(object)) yield* store.remove(object)
    }
    return { keyring, secrets: next, key: repinned, pin }
  },
)
