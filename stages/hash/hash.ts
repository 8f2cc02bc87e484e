import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/** Plans that `pack` names each chunk by its hash. Chunks with the same name are stored once. */
export const hash = (kernel: KernelSpec<"hash">): Stage<"hash"> => kernelStage(kernel)
