import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/**
 * Plans that `pack` compresses: after `hash` whole blocks, after `chunk` each chunk, before `chunk` the whole content.
 *
 * @example Compress blocks
 * ```ts
 * import assert from "node:assert"
 * import { blake3, chunk, compress, fastcdc, hash, pack, packs, walk, zstd } from "@penstock/penstock"
 * import { Stream } from "effect"
 *
 * const stored = walk("photos").pipe(chunk(fastcdc()), hash(blake3), compress(zstd({ level: 3 })), pack(packs()))
 * assert.ok(Stream.isStream(stored))
 * ```
 */
export const compress = (kernel: KernelSpec<"compress">): Stage<"compress"> => kernelStage(kernel)
