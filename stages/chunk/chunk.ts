import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/** Cuts content into chunks. */
export const chunk = (kernel: KernelSpec<"chunk">): Stage<"chunk"> => kernelStage(kernel)
