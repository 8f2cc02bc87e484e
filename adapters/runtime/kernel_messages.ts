/** Kernels on their way to a thread, as plain data. */
import * as Redacted from "effect/Redacted"
import { fastcdc, type FastCdcOptions } from "../../stages/chunk/fastcdc.ts"
import { fixed, type FixedOptions } from "../../stages/chunk/fixed.ts"
import { whole, type WholeOptions } from "../../stages/chunk/whole.ts"
import { noCompression } from "../../stages/compress/none.ts"
import { noEncryption } from "../../stages/encrypt/none.ts"
import { KernelError, type KernelSpec, type KernelTable } from "../../stages/kernel/kernel.ts"
import type { Plan } from "../../stages/plan/plan.ts"
import { nativeKernels } from "../kernels/native.ts"

/**
 * A kernel that a thread makes, by name or from a module. Its keys are not redacted here, because messages never leave
 * the process.
 */
export interface KernelMessage {
  readonly stage: KernelSpec["stage"]
  readonly name: string
  readonly params: Readonly<Record<string, unknown>>
  readonly module?: string
}

/** Makers of all kernels that come with Penstock; the fastest of each. */
export const knownKernels: KernelTable = {
  "chunk:fastcdc": (params: FastCdcOptions) => fastcdc(params).make(params as never),
  "chunk:fixed": (params: FixedOptions) => fixed(params).make(params as never),
  "chunk:whole": (params: WholeOptions) => whole(params).make(params as never),
  "compress:none": () => noCompression.make(undefined as never),
  "encrypt:none": () => noEncryption.make(undefined as never),
  ...nativeKernels,
}

/** Packs the kernels of a plan. Undefined when one of them can only be made on this thread. */
export const kernelMessages = (plan: Plan): ReadonlyArray<KernelMessage> | undefined => {
  const messages: Array<KernelMessage> = []
  for (const { module, name, params, stage } of plan) {
    if (module === undefined && knownKernels[`${stage}:${name}`] === undefined) return undefined
    messages.push({
      stage,
      name,
      params: Object.fromEntries(
        Object.entries(params).map((
          [key, value],
        ) => [key, Redacted.isRedacted(value) ? { redacted: Redacted.value(value) } : value]),
      ),
      ...(module === undefined ? {} : { module }),
    })
  }
  return messages
}

const loadKernel = async (kernel: string, module: string): Promise<KernelSpec["make"]> => {
  let why = "it has no function as its default export"
  try {
    const make: unknown = (await import(module)).default
    if (typeof make === "function") return make as KernelSpec["make"]
  } catch (cause) {
    why = cause instanceof Error ? cause.message : String(cause)
  }
  throw new KernelError({
    kernel,
    reason: "unsupported",
    message: `A thread cannot load the kernel ${kernel} from its module ${module}: ${why}`,
  })
}

/** Unpacks them on the thread. Rejects with KernelError when a module cannot be loaded. */
export const planOf = async (messages: ReadonlyArray<KernelMessage>): Promise<Plan> =>
  await Promise.all(messages.map(async ({ module, name, params, stage }): Promise<KernelSpec> => {
    const make = module === undefined ? knownKernels[`${stage}:${name}`]! : await loadKernel(name, module)
    return {
      stage,
      name,
      make,
      params: Object.fromEntries(Object.entries(params).map(([key, value]) => [key, restoreKey(value)])),
    }
  }))

const restoreKey = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "redacted" in value ? Redacted.make(value.redacted) : value
