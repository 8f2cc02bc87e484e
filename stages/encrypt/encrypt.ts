import type { KernelSpec } from "../kernel.ts"
import { kernelStage, type Stage } from "../plan.ts"

/** Encrypts and authenticates. After `chunk` it works on blocks of chunks, before it on the whole content. */
export const encrypt = (kernel: KernelSpec<"encrypt">): Stage<"encrypt"> => kernelStage(kernel)
