import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/** Encrypts and authenticates. After `chunk` it works on blocks of chunks, before it on the whole content. */
export const encrypt = (kernel: KernelSpec<"encrypt">): Stage<"encrypt"> => kernelStage(kernel)
