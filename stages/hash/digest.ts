import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/**
 * Plans that `pack` hashes each content as a whole, too: `Stored.digest` is the result. Comes directly before `chunk`.
 * When `hash` has the same kernel, content of a single chunk is hashed only once.
 */
export const digest = (kernel: KernelSpec<"hash">): Stage<"digest"> => kernelStage(kernel) as unknown as Stage<"digest">
