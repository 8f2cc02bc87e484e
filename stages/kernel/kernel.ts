/**
 * Kernels: synchronous functions over bytes, and the plain data that names them.
 *
 * A stage never calls a kernel itself. It adds a {@link KernelSpec} to the plan. The executor that runs the plan makes
 * the kernel where it is needed, on this thread or another, from its name and its plain parameters. It may use a faster
 * implementation of the same name instead ({@link Kernels}).
 */
import * as Context from "effect/Context"
import { makeChecked } from "./checked.ts"
import type { KernelOf, KernelStage } from "./kinds.ts"

export { ID_BYTES } from "./checks.ts"
export { KernelError } from "./error.ts"
export type { Chunker, Cipher, Compressor, Hasher, KernelOf, KernelStage } from "./kinds.ts"
export { trusted } from "./trusted.ts"

/** A kernel as plain data: what a plan consists of, and what a thread receives. */
export interface KernelSpec<S extends KernelStage = KernelStage> {
  /** The kind of stage that runs it. */
  readonly stage: S
  /** Unique within the stage. Catalogs store it: `fastcdc`, `blake3`, `zstd`, `aes-256-gcm`. */
  readonly name: string
  /** Parameters that can be cloned to another thread, and keys, which are `Redacted<Uint8Array>`. */
  readonly params: Readonly<Record<string, unknown>>
  /** Makes the portable kernel. */
  readonly make: (params: never) => KernelOf[S]
  /**
   * URL of a module whose default export is this kernel's `make`. With it, threads can run a kernel that does not come
   * with Penstock.
   */
  readonly module?: string
}

/** Makers of faster kernels, by `stage:name`. A kernel that is not in the table is made by its own spec. */
export type KernelTable = { readonly [key: `${KernelStage}:${string}`]: (params: never) => KernelOf[KernelStage] }

/**
 * The accelerators in use. None by default: every spec makes its own portable kernel.
 *
 * @example Hash with a function of your own in the place of SHA-256
 * ```ts
 * import assert from "node:assert/strict"
 * import { createHash, hash as hashOnce } from "node:crypto"
 * import { Effect } from "effect"
 * import { type KernelTable, Kernels, makeKernel, sha256, trusted } from "@penstock/penstock"
 *
 * const table: KernelTable = {
 *   "hash:sha256": () =>
 *     trusted({
 *       digest: (bytes: Uint8Array) => new Uint8Array(hashOnce("sha256", bytes, "buffer")),
 *       create: () => {
 *         const state = createHash("sha256")
 *         return {
 *           update: (bytes: Uint8Array) => void state.update(bytes),
 *           digest: () => new Uint8Array(state.digest()),
 *         }
 *       },
 *     }),
 * }
 * const digest = Effect.map(Kernels, (kernels) => makeKernel(sha256, kernels).digest(Uint8Array.of(1, 2, 3)))
 * const here = await Effect.runPromise(digest)
 * const faster = await Effect.runPromise(Effect.provideService(digest, Kernels, table))
 * assert.deepEqual(faster, here)
 * ```
 */
export const Kernels: Context.Reference<KernelTable> = Context.Reference<KernelTable>("penstock/Kernels", {
  defaultValue: (): KernelTable => ({}),
})

/**
 * Makes the kernel of a spec: the accelerator, when the table has one of that name, else the portable one. The kernel
 * finds out when it is faulty, unless it is `trusted`. Throws KernelError when the kernel cannot be made.
 *
 * @example Encode bytes, and decode them with a limit
 * ```ts
 * import assert from "node:assert/strict"
 * import { gzip, makeKernel } from "@penstock/penstock"
 *
 * const { decode, encode } = makeKernel(gzip())
 * const content = new Uint8Array(10_000).fill(7)
 * const encoded = encode(content)
 * assert.deepEqual(decode(encoded, content.length), content)
 * assert.throws(() => decode(encoded, 9_999), { reason: "limit" })
 * ```
 */
export const makeKernel = <S extends KernelStage>(spec: KernelSpec<S>, table: KernelTable = {}): KernelOf[S] =>
  makeChecked(
    spec,
    () => ((table[`${spec.stage}:${spec.name}`] ?? spec.make) as (params: unknown) => KernelOf[S])(spec.params),
  )
