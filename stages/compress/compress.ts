import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/** Compresses. After `chunk` it works on blocks of chunks, before it on the whole content. */
export const compress = (kernel: KernelSpec<"compress">): Stage<"compress"> => kernelStage(kernel)
