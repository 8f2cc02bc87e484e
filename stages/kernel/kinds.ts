/** The four kinds of kernels, and what each has to do. */

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
  /** Gives new bytes, or the same when nothing changes. The caller keeps what it gave. */
  readonly encode: (bytes: Uint8Array) => Uint8Array
  /** Throws KernelError: `corrupt`, or `limit` when the output would be longer than `limit` bytes. */
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
  /** Throws KernelError `forged` when the key, the message or `aad` is not the one that was sealed. */
  readonly open: (bytes: Uint8Array, aad?: Uint8Array) => Uint8Array
}

/** The kernel that each kind of stage runs. */
export interface KernelOf {
  /** Cuts contents. */
  readonly chunk: Chunker
  /** Names contents. */
  readonly hash: Hasher
  /** Makes blocks smaller. */
  readonly compress: Compressor
  /** Seals blocks. */
  readonly encrypt: Cipher
}

/** The stages whose work is a kernel. */
export type KernelStage = keyof KernelOf
