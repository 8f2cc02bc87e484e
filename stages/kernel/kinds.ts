/** The four kinds of kernels, and what each has to do. */

/** Finds where chunks end. It has no state: where a chunk ends depends only on the bytes from its start on. */
export interface Chunker {
  /**
   * No chunk is longer than this, in bytes. The caller has at least this many bytes at hand, unless the content ends.
   */
  readonly maximum: number
  /**
   * Returns the end (exclusive) of the chunk that starts at `from`: a number in `(from, to]`. `bytes[from..to)` is the
   * content at hand. It has at least `maximum` bytes, or ends where the content ends.
   */
  readonly cut: (bytes: Uint8Array, from: number, to: number) => number
  /** Whether content that comes in extents is cut where these end. See `extentsOr`. */
  readonly followsExtents?: boolean
}

/** Names content: 32 bytes for any bytes. */
export interface Hasher {
  /** The ID of `bytes`, in a new array. */
  readonly digest: (bytes: Uint8Array) => Uint8Array
  /** Hashes a content that comes in pieces. `digest` may be called once. */
  readonly create: () => { readonly update: (bytes: Uint8Array) => void; readonly digest: () => Uint8Array }
}

/**
 * Turns bytes into fewer bytes, and back. It never changes or keeps its input. The output belongs to the caller, or
 * shares memory with the input.
 */
export interface Compressor {
  /** Compresses bytes; the output may be longer than the input by a few bytes. */
  readonly encode: (bytes: Uint8Array) => Uint8Array
  /** The inverse. Throws KernelError: `corrupt`, or `limit` when the output would be longer than `limit` bytes. */
  readonly decode: (bytes: Uint8Array, limit: number) => Uint8Array
}

/**
 * Authenticated encryption of whole messages. Each `seal` uses a new nonce, which the sealed message carries. A cipher
 * never changes or keeps its input. The output belongs to the caller, or shares memory with the input.
 */
export interface Cipher {
  /** How many bytes longer a sealed message is. */
  readonly overhead: number
  /** Encrypts a message. `aad` is authenticated with it, but not stored. */
  readonly seal: (bytes: Uint8Array, aad?: Uint8Array) => Uint8Array
  /**
   * The same, asynchronously. A cipher has it only where the runtime is much faster this way. Callers that can wait
   * should use it when it is there. `bytes` must not change before the promise settles.
   */
  readonly sealLater?: (bytes: Uint8Array, aad?: Uint8Array) => Promise<Uint8Array>
  /** The inverse. Throws KernelError `forged` when the key, the message or `aad` is not the one that was sealed. */
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
  /** Encrypts blocks. */
  readonly encrypt: Cipher
}

/** The stages whose work is a kernel. */
export type KernelStage = keyof KernelOf
