import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/** Plans that `pack` compresses: after `hash` whole blocks, after `chunk` each chunk, before `chunk` the whole content. */
export const compress = (kernel: KernelSpec<"compress">): Stage<"compress"> => kernelStage(kernel)
