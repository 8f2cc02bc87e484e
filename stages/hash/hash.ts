import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/**
 * Plans that `pack` names each chunk by its hash. Chunks with the same name are stored once.
 *
 * @example Name chunks under a secret key
 * ```ts
 * import assert from "node:assert"
 * import { blake3Keyed, chunk, fastcdc, hash, pack, packs, walk } from "@penstock/penstock"
 * import { Redacted, Stream } from "effect"
 *
 * const key = Redacted.make(crypto.getRandomValues(new Uint8Array(32)))
 * const stored = walk("photos").pipe(chunk(fastcdc()), hash(blake3Keyed(key)), pack(packs()))
 * assert.ok(Stream.isStream(stored))
 * ```
 */
export const hash = (kernel: KernelSpec<"hash">): Stage<"hash"> => kernelStage(kernel)
