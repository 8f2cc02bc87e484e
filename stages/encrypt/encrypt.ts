import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/**
 * Plans that `pack` encrypts and authenticates: after `hash` whole blocks, after `chunk` each chunk, before `chunk` the
 * whole content.
 */
export const encrypt = (kernel: KernelSpec<"encrypt">): Stage<"encrypt"> => kernelStage(kernel)
