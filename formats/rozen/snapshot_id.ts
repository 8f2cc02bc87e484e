/**
 * IDs of snapshots: 16 random bytes, then 16 that belong to whoever made the snapshot. So a writer cannot sign a
 * snapshot, or a log, with the ID of somebody else's. SPEC.md, "Snapshots".
 */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import { type KnownSigner, signerId } from "./keyring.ts"

const CONTEXT: Uint8Array = new TextEncoder().encode("penstock rozen 1 snapshot\0")

const ownHalf = (signer: Uint8Array, random: Uint8Array): Uint8Array =>
  blake3(concat([CONTEXT, signer, random])).subarray(0, 16)

/** A new ID, 64 hex digits, for a snapshot that the signer with this ID makes. */
export const newSnapshotId = (signer: Uint8Array): string => {
  const random = crypto.getRandomValues(new Uint8Array(16))
  return bytesToHex(concat([random, ownHalf(signer, random)]))
}

/** Whether somebody may sign a snapshot with this ID, or its log. Owners may sign all: they make lost ones again. */
export const mayHaveId = (id: string, { publicKey, role }: KnownSigner): boolean =>
  role === "owner" ||
  (/^[0-9a-f]{64}$/.test(id) && id.endsWith(bytesToHex(ownHalf(signerId(publicKey), hexToBytes(id.slice(0, 32))))))
