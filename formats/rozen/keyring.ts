/**
 * The keys of an open repository of block version 1: what whoever opened it can seal, open, sign and verify. Every key
 * is derived by purpose from the secrets of the repository, with BLAKE3 in key-derivation mode. SPEC.md, "Keys".
 */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { hybridRecipient } from "../../stages/encrypt/age_hybrid.ts"
import { Ed25519 } from "../../stages/sign/sign.ts"
import { derive } from "./keys.ts"

/** What one can do with a repository. */
export type Role = "owner" | "reader" | "writer"

/** What a key is used for. SPEC.md says from which secret each is derived. */
export type KeyPurpose =
  | "chunk ids"
  | "chunk cuts"
  | "owner signing"
  | "sealing"
  | "runs"
  | "indexes"
  | "run"
  | "blocks"
  | "pack footers"
  | "logs"
  | "snapshots"
  | "forgotten"

/** Derives the key for a purpose, 32 bytes. */
export const keyFor = (secret: Redacted.Redacted<Uint8Array>, purpose: KeyPurpose): Redacted.Redacted<Uint8Array> =>
  derive(Redacted.value(secret), `penstock 2026-11-30 rozen 1 ${purpose}`)

/** The keys of one epoch. */
export interface EpochKeys {
  /** From 1 on. */
  readonly number: number
  /** Seals indexes. */
  readonly indexes: Redacted.Redacted<Uint8Array>
  /** Wraps keys of runs whose maker can read. Owners and readers have it. */
  readonly runs?: Redacted.Redacted<Uint8Array>
  /** The seed of the age identity that opens keys of all other runs. Owners and readers have it. */
  readonly sealing?: Redacted.Redacted<Uint8Array>
  /** Whom writers seal for: the recipient (`age1pq1…`) of `sealing`. */
  readonly recipient: string
  /** The Ed25519 public key of the owner. */
  readonly owner: Uint8Array
}

/** Signs objects. */
export interface Signer {
  /** The first 16 bytes of BLAKE3 of the public key. */
  readonly id: Uint8Array
  /** The Ed25519 seed, 32 bytes. */
  readonly seed: Redacted.Redacted<Uint8Array>
}

/** Somebody who has signed objects. */
export interface KnownSigner {
  readonly role: "owner" | "writer"
  /** What the owner calls a writer. Empty for an owner. */
  readonly name: string
  /** The Ed25519 public key. */
  readonly publicKey: Uint8Array
  /** Set when a writer has ended: the IDs of its snapshots that still count, 64 hex digits each. */
  readonly ended?: ReadonlySet<string>
}

/** Everybody whose signature may count, by the hex digits of the ID. */
export type Signers = ReadonlyMap<string, KnownSigner>

/** All keys that somebody has. */
export interface Keyring {
  /** The ID of the repository, 32 hex digits. */
  readonly id: string
  readonly role: Role
  /** Names and cuts chunks. Copies of a repository may share it, and nothing else. */
  readonly chunks: Redacted.Redacted<Uint8Array>
  /** Oldest first, at least one. The last is the current one. */
  readonly epochs: ReadonlyArray<EpochKeys>
  /** Who signs new objects: the owner of the current epoch, or the writer. Readers have none. */
  readonly signer: Signer | undefined
  /** Owners of all epochs, and writers that are enrolled or ended. */
  readonly signers: Signers
}

/** The ID of whoever has this Ed25519 public key: 16 bytes. */
export const signerId = (publicKey: Uint8Array): Uint8Array => blake3(publicKey).subarray(0, 16)

/** The epoch in which new objects are made. */
export const currentEpoch = ({ epochs }: Pick<Keyring, "epochs">): EpochKeys => epochs.at(-1)!

/** Tells a repository from another with the same ID: the public key of the owner of epoch 1, in hex. */
export const fingerprintOf = ({ epochs }: Pick<Keyring, "epochs">): string => bytesToHex(epochs[0]!.owner)

/** From what all keys of an owner are derived. */
export interface OwnerSecrets {
  /** The ID of the repository, 32 hex digits. */
  readonly id: string
  /** 32 random bytes. */
  readonly chunks: Redacted.Redacted<Uint8Array>
  /** The masters of all epochs from 1 on, 32 random bytes each. */
  readonly masters: ReadonlyArray<Redacted.Redacted<Uint8Array>>
}

/** What is known beside the secrets. */
export interface OwnerKnowledge {
  /** The recipient of each epoch, because it takes 10 ms to compute one. */
  readonly recipients?: ReadonlyArray<string>
  /** Writers that are enrolled or ended. */
  readonly writers?: Signers
}

/** Makes the keys of an owner. */
export const ownerKeyring: (secrets: OwnerSecrets, known?: OwnerKnowledge) => Effect.Effect<Keyring> = Effect
  .fnUntraced(function* ({ chunks, id, masters }, { recipients = [], writers = new Map() } = {}) {
    const { publicKey } = yield* Ed25519
    const epochs: Array<EpochKeys> = []
    const signers = new Map(writers)
    let signer: Signer | undefined
    for (const [i, master] of masters.entries()) {
      const sealing = keyFor(master, "sealing")
      const seed = keyFor(master, "owner signing")
      const owner = publicKey(Redacted.value(seed))
      signer = { id: signerId(owner), seed }
      signers.set(bytesToHex(signer.id), { role: "owner", name: "", publicKey: owner })
      epochs.push({
        number: i + 1,
        indexes: keyFor(master, "indexes"),
        runs: keyFor(master, "runs"),
        sealing,
        recipient: recipients[i] ?? (yield* hybridRecipient(sealing)),
        owner,
      })
    }
    return { id, role: "owner", chunks, epochs, signer, signers }
  })
