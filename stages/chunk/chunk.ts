import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/** Plans that `pack` cuts content into chunks. What follows works on chunks, or on blocks of chunks. */
export const chunk = (kernel: KernelSpec<"chunk">): Stage<"chunk"> => kernelStage(kernel)
