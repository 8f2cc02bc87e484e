/**
 * Epoch records, `KEYS/<8 hex>.epoch.json`: the public keys of each epoch. Each names the one before by its hash, and
 * the owner of that epoch has signed it, so that nobody else can begin an epoch. SPEC.md, "Epochs".
 */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { SignatureKernel } from "../../stages/sign/sign.ts"
import { corrupt } from "./errors.ts"
import { encodeJson } from "./json.ts"
import { decodeRecord, isSigned, signRecord } from "./key_record.ts"
import { type EpochKeys, keyFor } from "./keyring.ts"
import { derive } from "./keys.ts"

const Members = Schema.Struct({
  record: Schema.Literal("epoch"),
  version: Schema.Literal(1),
  /** The ID of the repository. */
  repository: Schema.String,
  epoch: Schema.Int,
  recipient: Schema.String,
  /** The Ed25519 public key of the owner, in hex. */
  owner: Schema.String,
  /** BLAKE3 of the record of the epoch before, in hex. Empty in epoch 1. */
  previous: Schema.String,
  /** The signature of the owner of the epoch before. Empty in epoch 1. */
  endorsement: Schema.String,
  signature: Schema.String,
})

/** An epoch record as it was read. */
export interface EpochRecord {
  /** The name of its object. */
  readonly object: string
  readonly repository: string
  readonly epoch: number
  readonly recipient: string
  readonly owner: Uint8Array
  readonly previous: string
  /** BLAKE3 of its bytes, in hex. */
  readonly hash: string
  /** Whether its own owner signed it. */
  readonly isWhole: (kernel: SignatureKernel) => boolean
  /** Whether the owner with this public key let it follow. */
  readonly follows: (kernel: SignatureKernel, owner: Uint8Array) => boolean
}

/** Decodes an epoch record. Nothing of it is authentic yet. Throws RepositoryError `corrupt`. */
export const decodeEpoch = (object: string, bytes: Uint8Array): EpochRecord => {
  const all = decodeRecord(object, Members, bytes)
  const { signature, ...signed } = all
  const { endorsement, ...endorsed } = signed
  const { epoch, owner, previous, recipient, repository } = all
  if (!/^[0-9a-f]{64}$/.test(owner)) throw corrupt(object, `${object} is damaged: its owner is not a public key`)
  const publicKey = hexToBytes(owner)
  return {
    object,
    repository,
    epoch,
    recipient,
    owner: publicKey,
    previous,
    hash: bytesToHex(blake3(bytes)),
    isWhole: (kernel) => isSigned(kernel, publicKey, signed, signature),
    follows: (kernel, owner) => isSigned(kernel, owner, endorsed, endorsement),
  }
}

/** What the record of an epoch is made of. */
export interface NewEpoch {
  readonly repository: string
  readonly keys: Pick<EpochKeys, "number" | "recipient" | "owner">
  readonly master: Redacted.Redacted<Uint8Array>
  /** The epoch before. Absent for epoch 1. */
  readonly before?: { readonly record: EpochRecord; readonly master: Redacted.Redacted<Uint8Array> } | undefined
}

/**
 * Makes the record of an epoch: its name and its bytes, always the same for the same epoch. The name follows from the
 * master of the epoch before. So two owners who begin an epoch at the same time want the same name, and nobody else
 * can take it beforehand.
 */
export const encodeEpoch = (
  kernel: SignatureKernel,
  { before, keys, master, repository }: NewEpoch,
): { readonly object: string; readonly bytes: Uint8Array } => {
  const name = derive(
    Redacted.value(before?.master ?? master),
    `penstock 2026-11-30 rozen 1 ${before === undefined ? "first" : "next"} epoch`,
  )
  const endorsed = {
    record: "epoch",
    version: 1,
    repository,
    epoch: keys.number,
    recipient: keys.recipient,
    owner: bytesToHex(keys.owner),
    previous: before?.record.hash ?? "",
  }
  const endorsement = before === undefined ? "" : signRecord(kernel, keyFor(before.master, "owner signing"), endorsed)
  const signed = { ...endorsed, endorsement }
  return {
    object: `KEYS/${bytesToHex(Redacted.value(name).subarray(0, 4))}.epoch.json`,
    bytes: encodeJson({ ...signed, signature: signRecord(kernel, keyFor(master, "owner signing"), signed) }),
  }
}
