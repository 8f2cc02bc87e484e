import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/**
 * Plans that `pack` cuts content into chunks. What follows works on chunks, or on blocks of chunks.
 *
 * @example Cut files where their content says
 * ```ts
 * import assert from "node:assert"
 * import { blake3, chunk, fastcdc, hash, pack, packs, walk } from "@penstock/penstock"
 * import { Stream } from "effect"
 *
 * const stored = walk("photos").pipe(chunk(fastcdc({ average: 1 << 20 })), hash(blake3), pack(packs()))
 * assert.ok(Stream.isStream(stored))
 * ```
 */
export const chunk = (kernel: KernelSpec<"chunk">): Stage<"chunk"> => kernelStage(kernel)
