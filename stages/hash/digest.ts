import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/**
 * Names every content as a whole, beside the names of its chunks: `Stored.digest`. Comes directly before `chunk`. With
 * the same hasher as `hash`, content of a single chunk is hashed only once.
 */
export const digest = (kernel: KernelSpec<"hash">): Stage<"digest"> => kernelStage(kernel) as unknown as Stage<"digest">
