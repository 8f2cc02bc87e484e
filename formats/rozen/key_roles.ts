/** What each role knows: the secrets that a grant holds, as bytes. SPEC.md, "Grants". */
import { concat, Equivalence } from "effect/Bytes"
import * as Redacted from "effect/Redacted"
import type { SignatureKernel } from "../../stages/sign/sign.ts"
import type { RepositoryError } from "../error.ts"
import { corrupt } from "./errors.ts"
import type { EpochRecord } from "./key_epoch.ts"
import { type EpochKeys, keyFor, type OwnerSecrets, type Role } from "./keyring.ts"

/** Bytes of each secret. */
const BYTES = 32
/** How many secrets of each epoch a role has. */
const SECRETS: { readonly [role in Role]: number } = { owner: 1, reader: 3, writer: 1 }

/** Whether this version knows a role. */
export const isRole = (role: string): role is Role => Object.hasOwn(SECRETS, role)

/** The secrets of a role: those of chunks, then those of each epoch from 1 on. */
export const secretsOf = (role: Role, { chunks, masters }: OwnerSecrets): Redacted.Redacted<Uint8Array> => {
  const ofEpoch = (master: Redacted.Redacted<Uint8Array>): ReadonlyArray<Redacted.Redacted<Uint8Array>> => {
    switch (role) {
      case "owner":
        return [master]
      case "reader":
        return [keyFor(master, "sealing"), keyFor(master, "runs"), keyFor(master, "indexes")]
      case "writer":
        return [keyFor(master, "indexes")]
    }
  }
  return Redacted.make(concat([chunks, ...masters.flatMap(ofEpoch)].map(Redacted.value)))
}

/** The secrets, cut: of chunks, and of each epoch. Undefined when they are not as many as there are epochs. */
const cut = (role: Role, secrets: Redacted.Redacted<Uint8Array>, epochs: number) => {
  const bytes = Redacted.value(secrets)
  const each = SECRETS[role]
  if (bytes.length !== BYTES * (1 + each * epochs)) return undefined
  const at = (i: number) => Redacted.make(bytes.slice(i * BYTES, (i + 1) * BYTES))
  return {
    chunks: at(0),
    epochs: Array.from({ length: epochs }, (_, n) => Array.from({ length: each }, (_, i) => at(1 + n * each + i))),
  }
}

/** The secrets of an owner, of as many epochs as there are. Undefined when there are none. */
export const ownerSecretsIn = (
  id: string,
  secrets: Redacted.Redacted<Uint8Array>,
): OwnerSecrets | undefined => {
  const epochs = Redacted.value(secrets).length / BYTES - 1
  const parts = epochs < 1 ? undefined : cut("owner", secrets, epochs)
  return parts === undefined
    ? undefined
    : { id, chunks: parts.chunks, masters: parts.epochs.map(([master]) => master!) }
}

/** The secrets of an owner. Throws RepositoryError `corrupt` when they do not belong to the chain of epochs. */
export const ownerSecrets = (
  kernel: SignatureKernel,
  object: string,
  secrets: Redacted.Redacted<Uint8Array>,
  chain: ReadonlyArray<EpochRecord>,
): OwnerSecrets => {
  const own = ownerSecretsIn(chain[0]!.repository, secrets)
  if (own?.masters.length !== chain.length || !ownsAll(kernel, own.masters, chain)) throw misfit(object)
  return own
}

/** Whether masters are those of the first epochs of a chain. */
export const ownsAll = (
  { publicKey }: SignatureKernel,
  masters: ReadonlyArray<Redacted.Redacted<Uint8Array>>,
  chain: ReadonlyArray<EpochRecord>,
): boolean =>
  masters.every((master, i) =>
    chain[i] !== undefined && Equivalence(publicKey(Redacted.value(keyFor(master, "owner signing"))), chain[i].owner)
  )

/** The keys of a reader or a writer. Throws RepositoryError `corrupt` as {@link ownerSecrets}. */
export const keysOf = (
  role: "reader" | "writer",
  object: string,
  secrets: Redacted.Redacted<Uint8Array>,
  chain: ReadonlyArray<EpochRecord>,
): { readonly chunks: Redacted.Redacted<Uint8Array>; readonly epochs: ReadonlyArray<EpochKeys> } => {
  const parts = cut(role, secrets, chain.length)
  if (parts === undefined) throw misfit(object)
  const epochs = parts.epochs.map((own, i): EpochKeys => {
    const { owner, recipient } = chain[i]!
    const [first, second, third] = own
    return role === "writer"
      ? { number: i + 1, recipient, owner, indexes: first! }
      : { number: i + 1, recipient, owner, sealing: first!, runs: second!, indexes: third! }
  })
  return { chunks: parts.chunks, epochs }
}

const misfit = (object: string): RepositoryError =>
  corrupt(object, `${object} is damaged: its secrets are not those of the epochs in KEYS/`)
