/** From a key that is unlocked to the keys of the repository. SPEC.md, "Opening". */
import { bytesToHex } from "@noble/hashes/utils.js"
import { Equivalence } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { catching } from "../../stages/kernel/catching.ts"
import { Ed25519, type SignatureKernel } from "../../stages/sign/sign.ts"
import { RepositoryError } from "../error.ts"
import { corrupt } from "./errors.ts"
import { decodeEpoch } from "./key_epoch.ts"
import type { Pin } from "./key_lock.ts"
import type { UnlockedKey } from "./key_lock_seal.ts"
import { encodeEpochs } from "./key_make.ts"
import { writerSeed } from "./key_pair.ts"
import type { KeyObjects } from "./key_read.ts"
import { isRole, keysOf, ownerSecrets, ownerSecretsIn, ownsAll } from "./key_roles.ts"
import { isByOwner, signersOf, type VerifiedKeys, verifyKeys } from "./key_verify.ts"
import { keyFor, type Keyring, ownerKeyring, type OwnerSecrets, signerId } from "./keyring.ts"

/** An open repository, as far as its keys are concerned. */
export interface Opening {
  readonly keyring: Keyring
  /** Of an owner only. */
  readonly secrets: OwnerSecrets | undefined
  /** The key that opened it. Absent when a paper key did. */
  readonly key: UnlockedKey | undefined
  /** The owner and number of the current epoch. */
  readonly pin: Pin
}

const pinOf = ({ chain }: VerifiedKeys): Pin => {
  const { epoch, owner, repository } = chain.at(-1)!
  return { id: repository, owner: bytesToHex(owner), epoch }
}

/** Opens the grant of a key. Fails with `wrong-key` when it has none that counts. */
export const openKey: (objects: KeyObjects, key: UnlockedKey) => Effect.Effect<Opening, RepositoryError> = Effect
  .fnUntraced(function* (objects, key) {
    const kernel = yield* Ed25519
    const verified = yield* Effect.catch(
      catching(RepositoryError, () => verifyKeys(kernel, objects, key.pin)),
      (error) => withoutRecords(objects, key, error),
    )
    const { chain, grants } = verified
    const grant = grants.get(key.id)
    if (grant === undefined) return yield* noGrant(kernel, objects, verified, key)
    const { object, role } = grant
    if (!isRole(role)) {
      return yield* new RepositoryError({
        reason: "newer",
        object,
        message: `The key ${key.id} has the role ${role}, which this Penstock does not know`,
      })
    }
    const opened = yield* grant.open(key.seed)
    if (opened === undefined) return yield* corrupt(object, `${object} does not open with its key ${key.id}`)
    const signers = signersOf(verified)
    const pin = pinOf(verified)
    if (role === "owner") {
      const secrets = yield* catching(RepositoryError, () => ownerSecrets(kernel, object, opened, chain))
      const keyring = yield* ownerKeyring(secrets, {
        recipients: chain.map(({ recipient }) => recipient),
        writers: signers,
      })
      return { keyring, secrets, key, pin }
    }
    const keys = yield* catching(RepositoryError, () => keysOf(role, object, opened, chain))
    const seed = writerSeed(key.seed)
    const publicKey = kernel.publicKey(Redacted.value(seed))
    if (role === "writer" && bytesToHex(publicKey) !== grant.signing) {
      return yield* corrupt(object, `${object} enrols another public key than that of the key ${key.id}`)
    }
    const signer = role === "writer" ? { id: signerId(publicKey), seed } : undefined
    return { keyring: { id: pin.id, role, ...keys, signer, signers }, secrets: undefined, key, pin }
  })

/**
 * What is believed when records of epochs are lost: the masters in an owner's grant tell what was in them. Fails with
 * the error that the caller met when they tell nothing.
 */
const withoutRecords = Effect.fnUntraced(
  function* (objects: KeyObjects, { id, pin, seed }: UnlockedKey, error: RepositoryError) {
    const kernel = yield* Ed25519
    for (const grant of objects.grants.filter(({ key, role }) => key === id && role === "owner")) {
      const opened = yield* Effect.option(grant.open(seed))
      const secrets = Option.isSome(opened) && opened.value !== undefined
        ? ownerSecretsIn(pin.id, opened.value)
        : undefined
      const master = secrets?.masters[pin.epoch - 1]
      // Only an owner in the epoch of the pin knows its master.
      if (
        master === undefined ||
        bytesToHex(kernel.publicKey(Redacted.value(keyFor(master, "owner signing")))) !== pin.owner
      ) continue
      const { epochs } = yield* encodeEpochs(yield* ownerKeyring(secrets!), secrets!)
      const known = epochs.map(({ bytes, object }) => decodeEpoch(object, bytes))
      const verified = yield* Effect.option(
        catching(RepositoryError, () => verifyKeys(kernel, { ...objects, epochs: [...objects.epochs, ...known] }, pin)),
      )
      if (Option.isNone(verified)) continue
      yield* Effect.logWarning(`${error.message}, or run "penstock rebuild" to make it again`)
      return verified.value
    }
    return yield* error
  },
)

/** Why a key that is unlocked opens nothing. */
const noGrant = (
  kernel: SignatureKernel,
  objects: KeyObjects,
  { chain, ends }: VerifiedKeys,
  { id }: UnlockedKey,
): RepositoryError => {
  const wrong = (message: string) => new RepositoryError({ reason: "wrong-key", message })
  if (ends.has(id)) return wrong(`The key ${id} was removed from the repository`)
  const damaged = objects.damaged.find(({ object }) =>
    object?.startsWith(`KEYS/${id}.`) && object.endsWith(".grant.json")
  )
  if (damaged !== undefined) return damaged
  const others = objects.grants.filter(({ key }) => key === id)
  if (others.some((grant) => grant.repository === chain[0]!.repository && isByOwner(kernel, grant, chain))) {
    return wrong(`The key ${id} was left out when the keys of the repository were rotated: an owner can add it again`)
  }
  const foreign = others.find(({ repository }) => repository !== chain[0]!.repository)
  return corrupt(
    "KEYS/",
    foreign !== undefined
      ? `${foreign.object} is of another repository: put a copy of the right grant of the key ${id} back`
      : others.length > 0
      ? `${others[0]!.object} is not signed by an owner: put a copy of the right grant of the key ${id} back`
      : `KEYS/ lacks the grant of the key ${id}: put a copy of it back`,
  )
}

/**
 * Opens a repository with the secrets of a paper key. What is left in `KEYS/` tells of writers, and whether there are
 * later epochs: then the paper key opens what was made before, and makes nothing.
 */
export const openPaper: (objects: KeyObjects, secrets: OwnerSecrets) => Effect.Effect<Opening, RepositoryError> = Effect
  .fnUntraced(function* (objects, secrets) {
    const kernel = yield* Ed25519
    const { id, masters } = secrets
    const owners = masters.map((master) => kernel.publicKey(Redacted.value(keyFor(master, "owner signing"))))
    const owner = owners.at(-1)!
    const pin: Pin = { id, owner: bytesToHex(owner), epoch: masters.length }
    // Without a record of its epoch, all of KEYS/ may be lost. Others need not be this repository's.
    const isKnown = objects.epochs.some((record) => record.repository === id && Equivalence(record.owner, owner))
    if (!isKnown) return { keyring: yield* ownerKeyring(secrets), secrets, key: undefined, pin }
    const verified = yield* catching(RepositoryError, () => verifyKeys(kernel, objects, pin))
    const { chain } = verified
    if (!ownsAll(kernel, masters, chain)) return yield* corrupt("KEYS/", "KEYS/ does not fit the paper key")
    const recipients = chain.map(({ recipient }) => recipient)
    const keyring = yield* ownerKeyring(secrets, { recipients, writers: signersOf(verified) })
    if (chain.length === masters.length) return { keyring, secrets, key: undefined, pin }
    yield* Effect.logWarning(
      `The paper key is of epoch ${masters.length}, and the repository has epoch ${chain.length}: it opens what was ` +
        'made before, and nothing newer; print a new one with "penstock key export"',
    )
    return {
      keyring: { ...keyring, role: "reader", signer: undefined },
      secrets: undefined,
      key: undefined,
      pin: pinOf(verified),
    }
  })
