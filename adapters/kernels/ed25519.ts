/** Ed25519 by `node:crypto`. Node, Deno and Bun have it. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto"
import { concat } from "effect/Bytes"
import { trusted } from "../../stages/kernel/trusted.ts"
import type { SignatureKernel } from "../../stages/sign/kernel.ts"
import { isStrict } from "../../stages/sign/strict.ts"

/** What is before the 32 bytes of a key in its DER encoding (RFC 8410). */
const PRIVATE = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)
const PUBLIC = Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0)

const privateKey = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(concat([PRIVATE, seed])), format: "der", type: "pkcs8" })

/**
 * The accelerated Ed25519: provide it as `Ed25519`. Signing takes some 0.1 ms, and verifying 0.2 (Node, measured).
 *
 * @example Sign by `node:crypto`
 * ```ts
 * import assert from "node:assert"
 * import { nativeEd25519 } from "@penstock/penstock/adapters"
 *
 * const seed = crypto.getRandomValues(new Uint8Array(32))
 * const signature = nativeEd25519.sign(seed, Uint8Array.of(1, 2, 3))
 * assert.ok(nativeEd25519.verify(nativeEd25519.publicKey(seed), Uint8Array.of(1, 2, 3), signature))
 * ```
 */
export const nativeEd25519: SignatureKernel = trusted<SignatureKernel>({
  publicKey: (seed) => {
    const der = createPublicKey(privateKey(seed)).export({ format: "der", type: "spki" })
    return new Uint8Array(der.subarray(PUBLIC.length))
  },
  sign: (seed, message) => new Uint8Array(sign(null, message, privateKey(seed))),
  verify: (publicKey, message, signature) => {
    if (!isStrict(publicKey, signature)) return false
    try {
      const key = createPublicKey({ key: Buffer.from(concat([PUBLIC, publicKey])), format: "der", type: "spki" })
      return verify(null, message, key, signature)
    } catch {
      // It is not a point of the curve.
      return false
    }
  },
})
