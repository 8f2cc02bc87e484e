/** Ed25519 by `@noble/curves`, which runs everywhere. */
import { ed25519 } from "@noble/curves/ed25519.js"
import { sha512 } from "@noble/hashes/sha2.js"
import { concat, Equivalence } from "effect/Bytes"
import { trusted } from "../kernel/trusted.ts"
import type { SignatureKernel } from "./kernel.ts"
import { isStrict } from "./strict.ts"

const { Point } = ed25519

/** A little-endian number. */
const numberOf = (bytes: Uint8Array): bigint => bytes.reduceRight((number, byte) => number << 8n | BigInt(byte), 0n)

/** The portable Ed25519. Signing takes some 0.8 ms, and verifying 1 (Node, measured). */
export const portableEd25519: SignatureKernel = trusted<SignatureKernel>({
  publicKey: (seed) => ed25519.getPublicKey(seed),
  sign: (seed, message) => ed25519.sign(message, seed),
  verify: (publicKey, message, signature) => {
    if (!isStrict(publicKey, signature)) return false
    const r = signature.subarray(0, 32)
    let key: typeof Point.BASE
    try {
      key = Point.fromBytes(publicKey)
    } catch {
      return false
    }
    const k = numberOf(sha512(concat([r, publicKey, message]))) % Point.Fn.ORDER
    // The verify of the library multiplies by 8, which others do not.
    const expected = Point.BASE.multiplyUnsafe(numberOf(signature.subarray(32))).subtract(key.multiplyUnsafe(k))
    return Equivalence(expected.toBytes(), r)
  },
})
