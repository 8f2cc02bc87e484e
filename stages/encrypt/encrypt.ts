import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/**
 * Plans that `pack` encrypts and authenticates: after `hash` whole blocks, after `chunk` each chunk, before `chunk` the
 * whole content.
 *
 * @example Encrypt blocks
 * ```ts
 * import assert from "node:assert"
 * import { aes256gcm, blake3, chunk, encrypt, fastcdc, hash, pack, packs, walk } from "@penstock/penstock"
 * import { Redacted, Stream } from "effect"
 *
 * const key = Redacted.make(crypto.getRandomValues(new Uint8Array(32)))
 * const stored = walk("photos").pipe(chunk(fastcdc()), hash(blake3), encrypt(aes256gcm(key)), pack(packs()))
 * assert.ok(Stream.isStream(stored))
 * ```
 */
export const encrypt = (kernel: KernelSpec<"encrypt">): Stage<"encrypt"> => kernelStage(kernel)
