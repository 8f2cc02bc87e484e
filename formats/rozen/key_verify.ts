/**
 * What of `KEYS/` is believed: the chain of epochs, and the grants and ends that the owner of the current epoch has
 * signed. All else is named, and changes nothing. SPEC.md, "What counts".
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import type { SignatureKernel } from "../../stages/sign/sign.ts"
import type { RepositoryError } from "../error.ts"
import { corrupt } from "./errors.ts"
import { followChain } from "./key_chain.ts"
import type { End } from "./key_end.ts"
import type { EpochRecord } from "./key_epoch.ts"
import type { Grant } from "./key_grant.ts"
import type { Lock, Pin, UnknownLock } from "./key_lock.ts"
import { keyIdIn, type KeyObjects } from "./key_read.ts"
import { type KnownSigner, signerId, type Signers } from "./keyring.ts"

/** The objects of `KEYS/` that count. */
export interface VerifiedKeys {
  /** The epochs from 1 on. The last is the current one. */
  readonly chain: ReadonlyArray<EpochRecord>
  /** One for each key that has not ended, by the ID of the key. */
  readonly grants: ReadonlyMap<string, Grant>
  /** By the ID of the key. */
  readonly ends: ReadonlyMap<string, End>
  readonly locks: ReadonlyMap<string, Lock | UnknownLock>
  /** What is wrong with the others. Each names its object. */
  readonly problems: ReadonlyArray<RepositoryError>
}

/** Believes what the owner of a pin has signed. Throws RepositoryError `corrupt` when that leads to no epoch. */
export const verifyKeys = (kernel: SignatureKernel, objects: KeyObjects, pin: Pin): VerifiedKeys => {
  const chain = followChain(kernel, objects.epochs, pin)
  const current = chain.at(-1)!
  const problems = [...objects.damaged]
  for (const record of objects.epochs) {
    const problem = strayEpoch(record, chain)
    if (problem !== undefined) problems.push(corrupt(record.object, problem))
  }
  const believed = <Kind extends Grant | End>(records: ReadonlyArray<Kind>): ReadonlyMap<string, Kind> => {
    const counts = new Map<string, Kind>()
    for (const record of records) {
      const { created, epoch, key, object, repository } = record
      // A repository that was not made to the end leaves some, and so does a rotation that was not finished.
      if (repository !== current.repository || epoch > current.epoch) continue
      if (!isByOwner(kernel, record, chain)) {
        const problem =
          `${object} is not signed by the owner of epoch ${epoch}: somebody else made it, or it was altered`
        problems.push(corrupt(object, problem))
        continue
      }
      // A key that was named anew has two for a moment.
      if (epoch === current.epoch && (counts.get(key)?.created ?? -Infinity) <= created) counts.set(key, record)
    }
    return counts
  }
  const ends = believed(objects.ends)
  const grants = new Map([...believed(objects.grants)].filter(([key]) => !ends.has(key)))
  for (const name of objects.locks.keys()) {
    const key = keyIdIn(name)
    if (grants.has(key) || ends.has(key)) continue
    problems.push(corrupt(name, `${name} is a lock of the key ${key}, which has no grant of epoch ${current.epoch}`))
  }
  return { chain, grants, ends, locks: objects.locks, problems }
}

/** Why an epoch record does not count: a sentence. Undefined when it is in the chain, or of another repository. */
const strayEpoch = ({ epoch, hash, object, repository }: EpochRecord, chain: ReadonlyArray<EpochRecord>) =>
  repository !== chain[0]!.repository || chain.some((record) => record.hash === hash)
    ? undefined
    : `${object} is a record of epoch ${epoch} that no owner signed`

/** Whether the owner of its epoch signed a grant or an end. */
export const isByOwner = (
  kernel: SignatureKernel,
  record: Grant | End,
  chain: ReadonlyArray<EpochRecord>,
): boolean => {
  const owner = chain[record.epoch - 1]?.owner
  return owner !== undefined && record.isSignedBy(kernel, owner)
}

/** Everybody whose signature may count. */
export const signersOf = ({ chain, ends, grants }: VerifiedKeys): Signers => {
  const signers = new Map<string, KnownSigner>()
  const add = (signer: KnownSigner) => void signers.set(bytesToHex(signerId(signer.publicKey)), signer)
  for (const { name, role, signing } of grants.values()) {
    if (role === "writer") add({ role, name, publicKey: hexToBytes(signing) })
  }
  for (const { name, role, signing, snapshots } of ends.values()) {
    if (role === "writer") add({ role, name, publicKey: hexToBytes(signing), ended: new Set(snapshots) })
  }
  for (const { owner } of chain) add({ role: "owner", name: "", publicKey: owner })
  return signers
}
