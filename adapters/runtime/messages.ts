/** What the threads of the pool say to each other: plain data, cloned or transferred. */
import * as Redacted from "effect/Redacted"
import { noEncryption } from "../../stages/encrypt/none.ts"
import { fastcdc, type FastCdcOptions } from "../../stages/chunk/fastcdc.ts"
import { fixed, type FixedOptions } from "../../stages/chunk/fixed.ts"
import { whole, type WholeOptions } from "../../stages/chunk/whole.ts"
import { none } from "../../stages/compress/none.ts"
import type { KernelSpec, KernelTable } from "../../stages/kernel.ts"
import type { Block } from "../../stages/lane.ts"
import type { Plan } from "../../stages/plan.ts"
import type { Metadata } from "../../stages/walk/entry.ts"
import { nativeKernels } from "../kernels/native.ts"

/** A kernel that a thread can make: by name, or from a module. Keys are bare here: messages never leave the process. */
export interface KernelMessage {
  readonly stage: KernelSpec["stage"]
  readonly name: string
  readonly params: Readonly<Record<string, unknown>>
  readonly module?: string
}

/** A file of a unit. */
export interface FileMessage {
  readonly path: string
  /** See `LocalLocator`. */
  readonly locator: unknown
}

/** What became of it. */
export interface StoredMessage {
  readonly size: number
  readonly chunks: Uint8Array
  readonly digest?: Uint8Array
  readonly metadata: Metadata
  readonly warning?: string
  /** Set when it could not be read. */
  readonly problem?: string
}

/** To a thread. */
export type Request =
  | {
    readonly type: "job"
    readonly job: number
    readonly plan: ReadonlyArray<KernelMessage>
    readonly blockBytes: number
    readonly index: SharedArrayBuffer | ArrayBuffer
  }
  | { readonly type: "unit"; readonly job: number; readonly files: ReadonlyArray<FileMessage> }
  /** The blocks were taken: go on. */
  | { readonly type: "more" }
  | { readonly type: "end"; readonly job: number }

/** From a thread. */
export type Reply =
  | { readonly type: "ready" }
  | { readonly type: "blocks"; readonly blocks: ReadonlyArray<Block>; readonly read: number; readonly path: string }
  | {
    readonly type: "stored"
    readonly blocks: ReadonlyArray<Block>
    readonly read: number
    readonly files: ReadonlyArray<StoredMessage>
  }
  | {
    readonly type: "failed"
    readonly kernel: string
    readonly reason: "corrupt" | "forged" | "limit" | "unsupported"
    readonly message: string
  }

/** Makers of all kernels that come with Penstock, the fastest of each. */
export const knownKernels: KernelTable = {
  "chunk:fastcdc": (params: FastCdcOptions) => fastcdc(params).make(params as never),
  "chunk:fixed": (params: FixedOptions) => fixed(params).make(params as never),
  "chunk:whole": (params: WholeOptions) => whole(params).make(params as never),
  "compress:none": () => none.make(undefined as never),
  "encrypt:none": () => noEncryption.make(undefined as never),
  ...nativeKernels,
}

/** The plan for a thread; undefined when a kernel of it can only be made on this one. */
export const toMessage = (plan: Plan): ReadonlyArray<KernelMessage> | undefined => {
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

/** The inverse, on the thread. */
export const fromMessage = async (messages: ReadonlyArray<KernelMessage>): Promise<Plan> =>
  await Promise.all(messages.map(async ({ module, name, params, stage }): Promise<KernelSpec> => {
    const make = module === undefined ? knownKernels[`${stage}:${name}`]! : (await import(module)).default
    return {
      stage,
      name,
      make,
      params: Object.fromEntries(Object.entries(params).map(([key, value]) => [key, restored(value)])),
    }
  }))

const restored = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "redacted" in value ? Redacted.make(value.redacted) : value
