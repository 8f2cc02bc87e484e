/**
 * Signatures: who wrote something, told by a public key. Ed25519 (RFC 8032) is the one scheme. `ed25519.ts` runs
 * everywhere; `adapters/kernels/ed25519.ts` is faster.
 */
import * as Context from "effect/Context"
import { KernelError } from "../kernel/error.ts"
import { isTrusted } from "../kernel/trusted.ts"
import { portableEd25519 } from "./ed25519.ts"
import type { SignatureKernel } from "./kernel.ts"

export { PUBLIC_KEY_BYTES, SEED_BYTES, SIGNATURE_BYTES, type SignatureKernel } from "./kernel.ts"

/**
 * The Ed25519 in use. By default that of `@noble/curves`, which runs everywhere.
 *
 * @example Sign a message and verify it
 * ```ts
 * import assert from "node:assert"
 * import { Ed25519 } from "@penstock/penstock"
 * import { nativeEd25519 } from "@penstock/penstock/adapters"
 * import { Effect } from "effect"
 *
 * const seed = crypto.getRandomValues(new Uint8Array(32))
 * const message = new TextEncoder().encode("buy milk")
 * const verified = Effect.map(Ed25519, ({ publicKey, sign, verify }) =>
 *   verify(publicKey(seed), message, sign(seed, message)))
 * assert.ok(await Effect.runPromise(verified))
 * assert.ok(await Effect.runPromise(Effect.provideService(verified, Ed25519, nativeEd25519)))
 * ```
 */
export const Ed25519: Context.Reference<SignatureKernel> = Context.Reference<SignatureKernel>("penstock/Ed25519", {
  defaultValue: () => portableEd25519,
})

/**
 * An Ed25519 for what is stored. Each signature of one that is not trusted is verified by the portable one: nobody
 * could rely on what is signed wrongly. Its `sign` throws KernelError `faulty`.
 */
export const provenEd25519 = (kernel: SignatureKernel): SignatureKernel =>
  isTrusted(kernel) ? kernel : {
    ...kernel,
    sign: (seed, message) => {
      const signature = kernel.sign(seed.slice(), message.slice()).slice()
      if (portableEd25519.verify(portableEd25519.publicKey(seed), message, signature)) return signature
      throw new KernelError({
        kernel: "ed25519",
        reason: "faulty",
        message: "The Ed25519 in use is faulty: its signature is not valid. Correct it, or use another",
      })
    },
  }
