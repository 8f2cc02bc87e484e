/**
 * Kernels: synchronous functions over bytes, and the plain data that names them.
 *
 * A stage never calls a kernel itself. It adds a {@link KernelSpec} to the plan; the {@link Executor} that runs the
 * plan makes the kernel where it is needed (this thread or a worker), from its name and its plain parameters, and may
 * put a faster implementation of the same name in its place ({@link Kernels}).
 */
import * as Context from "effect/Context"
import { checked } from "./checked.ts"

export { ID_BYTES } from "./checks.ts"
export { KernelError } from "./error.ts"
export { trusted } from "./trusted.ts"

/** Finds where chunks end. Stateless: cut points depend on the bytes only, never on how the content was sliced. */
export interface Chunker {
  /**
   * No chunk is longer than this, in bytes. The caller keeps at least this many bytes at hand, unless the content ends.
   */
  readonly maximum: number
  /**
   * The end (exclusive) of the chunk that starts at `from`. `bytes[from..to)` is the content at hand; it holds at least
   * `maximum` bytes or reaches the end of the content. Returns a value in `(from, to]`.
   */
  readonly cut: (bytes: Uint8Array, from: number, to: number) => number
  /** Content that comes in extents is cut where these end, see `extentsOr`. */
  readonly followsExtents?: boolean
}

/** Names content: 32 bytes for any bytes. */
export interface Hasher {
  /** The ID of `bytes`, in a fresh array. */
  readonly digest: (bytes: Uint8Array) => Uint8Array
  /** The same in pieces. `digest` may be called once. */
  readonly create: () => { readonly update: (bytes: Uint8Array) => void; readonly digest: () => Uint8Array }
}

/**
 * Turns bytes into fewer bytes, and back. Never changes or keeps its input; the output shares memory with the input, or
 * is the caller's.
 */
export interface Compressor {
  readonly encode: (bytes: Uint8Array) => Uint8Array
  /** Throws {@link KernelError}: `corrupt`, or `limit` when the output would be longer than `limit` bytes. */
  readonly decode: (bytes: Uint8Array, limit: number) => Uint8Array
}

/** Authenticated encryption of whole messages. Every `seal` uses a fresh nonce, which the sealed message carries. */
export interface Cipher {
  /** Bytes that sealing adds. */
  readonly overhead: number
  /** Never changes or keeps its input; the output is as that of a compressor. `aad` is authenticated, not stored. */
  readonly seal: (bytes: Uint8Array, aad?: Uint8Array) => Uint8Array
  /**
   * The same, where the runtime is much faster when nobody waits; whoever can wait prefers it. `bytes` are not changed
   * meanwhile.
   */
  readonly sealLater?: (bytes: Uint8Array, aad?: Uint8Array) => Promise<Uint8Array>
  /** Throws {@link KernelError} `forged` when the key, the message or `aad` is not the one that was sealed. */
  readonly open: (bytes: Uint8Array, aad?: Uint8Array) => Uint8Array
}

/** The kernel that each kind of stage runs. */
export interface KernelOf {
  readonly chunk: Chunker
  readonly hash: Hasher
  readonly compress: Compressor
  readonly encrypt: Cipher
}

/** The stages whose work is a kernel. */
export type KernelStage = keyof KernelOf

/** A kernel as plain data: what a plan consists of, and what a worker receives. */
export interface KernelSpec<S extends KernelStage = KernelStage> {
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
