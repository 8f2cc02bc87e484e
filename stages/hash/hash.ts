import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/** Names every chunk by its content; what has the same name is stored once. */
export const hash = (kernel: KernelSpec<"hash">): Stage<"hash"> => kernelStage(kernel)
