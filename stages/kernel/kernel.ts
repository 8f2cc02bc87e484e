/**
 * Kernels: synchronous functions over bytes, and the plain data that names them.
 *
 * A stage never calls a kernel itself. It adds a {@link KernelSpec} to the plan; the {@link Executor} that runs the
 * plan makes the kernel where it is needed (this thread or a worker), from its name and its plain parameters, and may
 * put a faster implementation of the same name in its place ({@link Kernels}).
 */
import * as Context from "effect/Context"
import { checked } from "./checked.ts"
import type { KernelOf, KernelStage } from "./kinds.ts"

export { ID_BYTES } from "./checks.ts"
export { KernelError } from "./error.ts"
export type { Chunker, Cipher, Compressor, Hasher, KernelOf, KernelStage } from "./kinds.ts"
export { trusted } from "./trusted.ts"

/** A kernel as plain data: what a plan consists of, and what a worker receives. */
export interface KernelSpec<S extends KernelStage = KernelStage> {
  /** The stage that it belongs to. */
  readonly stage: S
  /** Unique within the stage, written into catalogs: `fastcdc`, `blake3`, `zstd`, `aes-256-gcm`. */
  readonly name: string
  /** Structured-cloneable, but for keys, which are `Redacted<Uint8Array>`. */
  readonly params: Readonly<Record<string, unknown>>
  /** Makes the portable kernel. */
  readonly make: (params: never) => KernelOf[S]
  /**
   * URL of a module whose default export is this kernel's `make`: lets workers run kernels that Penstock does not know.
   */
  readonly module?: string
}

/** Faster makers of kernels, by `stage:name`; what is absent is made by the spec itself. */
export type KernelTable = { readonly [key: `${KernelStage}:${string}`]: (params: never) => KernelOf[KernelStage] }

/** The accelerators in use. Nothing by default: every spec's own portable kernel runs. */
export const Kernels: Context.Reference<KernelTable> = Context.Reference<KernelTable>("penstock/Kernels", {
  defaultValue: (): KernelTable => ({}),
})

/**
 * Makes the kernel of a spec: the accelerator of `table` when it has one, else the portable one. What it gives is
 * checked, see `checked.ts`. Throws KernelError.
 */
export const makeKernel = <S extends KernelStage>(spec: KernelSpec<S>, table: KernelTable = {}): KernelOf[S] =>
  checked(
    spec,
    () => ((table[`${spec.stage}:${spec.name}`] ?? spec.make) as (params: unknown) => KernelOf[S])(spec.params),
  )
