/**
 * Signatures of objects. What is read whole says at its end who wrote it, and nothing of it is used before its
 * signature was verified. SPEC.md, "Signatures".
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { blake3 } from "../../stages/hash/blake3.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { Ed25519, provenEd25519, SIGNATURE_BYTES } from "../../stages/sign/sign.ts"
import type { HeaderProblem } from "./header.ts"
import type { Keyring, KnownSigner } from "./keyring.ts"

/** Bytes of a signer's ID, and of what follows a signed object: ID and signature. */
const SIGNER_BYTES = 16
export const SIGNED_BYTES: number = SIGNER_BYTES + SIGNATURE_BYTES

const CONTEXT: Uint8Array = new TextEncoder().encode("penstock rozen 1 object\0")

/** An object whose signature is valid. */
export interface Signed {
  /** The bytes before the signature. They share memory with the object. */
  readonly bytes: Uint8Array
  readonly by: KnownSigner
}

/** Signs and verifies objects. */
export interface Signatures {
  /** The ID of whoever signs; zeros when nothing may be written. */
  readonly signer: Uint8Array
  /** What follows the bytes of an object with this name. Fails with KernelError when nothing may be written. */
  readonly sign: (name: string, parts: ReadonlyArray<Uint8Array>) => Effect.Effect<Uint8Array, KernelError>
  /** Verifies the signature at the end of an object. */
  readonly verify: (name: string, object: Uint8Array) => Effect.Effect<Signed, HeaderProblem>
}

/** What is signed of an object: it cannot stand for another, because the name belongs to it. */
const messageOf = Effect.fnUntraced(function* (name: string, parts: ReadonlyArray<Uint8Array>) {
  const hash = makeKernel(blake3, yield* Kernels).create()
  for (const part of [new TextEncoder().encode(`${name}\0`), ...parts]) hash.update(part)
  return concat([CONTEXT, hash.digest()])
})

const refused = (what: string): Effect.Effect<never, HeaderProblem> => Effect.fail({ reason: "forged", what })

/** Makes the signatures of whoever has these keys. */
export const makeSignatures = ({ signer, signers }: Pick<Keyring, "signer" | "signers">): Signatures => ({
  signer: signer?.id ?? new Uint8Array(SIGNER_BYTES),
  sign: Effect.fnUntraced(function* (name, parts) {
    if (signer === undefined) {
      return yield* new KernelError({
        kernel: "ed25519",
        reason: "unsupported",
        message: `Cannot write ${name}: a key that can only read signs nothing`,
      })
    }
    const message = yield* messageOf(name, parts)
    const { sign } = provenEd25519(yield* Ed25519)
    return concat([signer.id, yield* catching(KernelError, () => sign(Redacted.value(signer.seed), message))])
  }),
  verify: Effect.fnUntraced(function* (name, object) {
    const end = object.length - SIGNED_BYTES
    if (end < 0) return yield* refused("has no signature: it is truncated")
    const by = signers.get(bytesToHex(object.subarray(end, end + SIGNER_BYTES)))
    if (by === undefined) {
      return yield* refused("is signed by a key that no owner enrolled, or it was altered or truncated")
    }
    const bytes = object.subarray(0, end)
    const { verify } = yield* Ed25519
    if (!verify(by.publicKey, yield* messageOf(name, [bytes]), object.subarray(end + SIGNER_BYTES))) {
      return yield* refused("was altered: its signature is not valid")
    }
    if (by.ended !== undefined && ![...by.ended].some((id) => belongsTo(name, id))) {
      return yield* refused(`is signed by the writer "${by.name}", which has ended: it does not count`)
    }
    return { bytes, by }
  }),
})

/** Whether an object is, as its name tells, the `.idx` or a log of the snapshot with this ID. */
const belongsTo = (name: string, id: string): boolean =>
  name.endsWith(`-${id.slice(0, 16)}.idx`) || (name.endsWith(".roz-log") && name.split("/")[2] === id)
