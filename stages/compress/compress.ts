import type { KernelSpec } from "../kernel.ts"
import { kernelStage, type Stage } from "../plan.ts"

/** Compresses. After `chunk` it works on blocks of chunks, before it on the whole content. */
export const compress = (kernel: KernelSpec<"compress">): Stage<"compress"> => kernelStage(kernel)
