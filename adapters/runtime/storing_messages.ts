/** What the threads of the pool say to each other: plain data, cloned or transferred. */
import * as Redacted from "effect/Redacted"
import { noEncryption } from "../../stages/encrypt/none.ts"
import { fastcdc, type FastCdcOptions } from "../../stages/chunk/fastcdc.ts"
import { fixed, type FixedOptions } from "../../stages/chunk/fixed.ts"
import { whole, type WholeOptions } from "../../stages/chunk/whole.ts"
import { noCompression } from "../../stages/compress/none.ts"
import { KernelError, type KernelSpec, type KernelTable } from "../../stages/kernel/kernel.ts"
import type { Block } from "../../stages/run/lane.ts"
import type { Plan } from "../../stages/plan/plan.ts"
import type { Metadata } from "../../stages/walk/entry.ts"
import type { FileState, LocalLocator } from "../files/source/content.ts"
import { nativeKernels } from "../kernels/native.ts"
import type { FilesMessage, StoredMessage } from "./files_message.ts"

/** What a thread has from its start. */
export interface ThreadData {
  /** Whether the process is lean: see `memory.ts`. */
  readonly lean: boolean
}

/** A kernel that a thread can make: by name, or from a module. Keys are bare here: messages never leave the process. */
export interface KernelMessage {
  readonly stage: KernelSpec["stage"]
  readonly name: string
  readonly params: Readonly<Record<string, unknown>>
  readonly module?: string
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
  /** Store these files. Answers carry the number of the task. */
  | { readonly type: "unit"; readonly task: number; readonly job: number; readonly files: FilesMessage }
  /** Store about so many bytes of a file from an offset on. */
  | {
    readonly type: "part"
    readonly task: number
    readonly job: number
    readonly locator: LocalLocator
    readonly from: number
    readonly bytes: number
  }
  /** The blocks of a message were taken: there may be another. */
  | { readonly type: "taken" }
  | { readonly type: "end"; readonly job: number }

/** About a task, from the thread that has it. */
export type Reply =
  /**
   * Blocks, and how many bytes were read since the last message, of the file `at` of the unit. To be answered with
   * `taken`.
   */
  | { readonly type: "blocks"; readonly blocks: ReadonlyArray<Block>; readonly read: number; readonly at: number }
  /** The end of a unit. */
  | {
    readonly type: "stored"
    readonly blocks: ReadonlyArray<Block>
    readonly read: number
    readonly files: StoredMessage
  }
  /** A part ends so many bytes after its start, and the file too when it is `final`. The part is still to be stored. */
  | { readonly type: "cut"; readonly length: number; readonly final: boolean; readonly state: FileState }
  /** The end of a part. `metadata` and `state` are as they were then. */
  | {
    readonly type: "part"
    readonly blocks: ReadonlyArray<Block>
    readonly read: number
    readonly chunks: Uint8Array
    readonly metadata: Metadata
    /** Whether the file changed, or goes on behind what was read. */
    readonly changed: boolean
    readonly state: FileState
  }
  /** The file of a part cannot be read. */
  | { readonly type: "unreadable"; readonly blocks: ReadonlyArray<Block>; readonly problem: string }

/** A thread cannot go on: a KernelError. */
export interface Failed {
  readonly type: "failed"
  readonly kernel: string
  readonly reason: KernelError["reason"]
  readonly message: string
}

/** What a thread sends: that it listens, then replies. */
export type FromThread<Answer = Reply> = { readonly type: "ready" } | {
  readonly type: "reply"
  readonly task: number
  readonly reply: Answer | Failed
}

/** Makers of all kernels that come with Penstock, the fastest of each. */
export const knownKernels: KernelTable = {
  "chunk:fastcdc": (params: FastCdcOptions) => fastcdc(params).make(params as never),
  "chunk:fixed": (params: FixedOptions) => fixed(params).make(params as never),
  "chunk:whole": (params: WholeOptions) => whole(params).make(params as never),
  "compress:none": () => noCompression.make(undefined as never),
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

const load = async (kernel: string, module: string): Promise<KernelSpec["make"]> => {
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

/** The inverse, on the thread. */
export const fromMessage = async (messages: ReadonlyArray<KernelMessage>): Promise<Plan> =>
  await Promise.all(messages.map(async ({ module, name, params, stage }): Promise<KernelSpec> => {
    const make = module === undefined ? knownKernels[`${stage}:${name}`]! : await load(name, module)
    return {
      stage,
      name,
      make,
      params: Object.fromEntries(Object.entries(params).map(([key, value]) => [key, restored(value)])),
    }
  }))

const restored = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "redacted" in value ? Redacted.make(value.redacted) : value
