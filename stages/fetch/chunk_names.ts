/** How chunks of one repository are named in another. */

/**
 * The names of a source's chunks in the target, as far as they are known. The methods may throw KernelError.
 */
export interface ChunkNames {
  /** The ID in the target. That there is one does not mean that the target has the chunk. */
  readonly get: (id: Uint8Array) => Uint8Array | undefined
  /** Remembers a pair. The arrays are not kept. */
  readonly set: (source: Uint8Array, target: Uint8Array) => void
}

/** For repositories that name all chunks alike. */
export const sameNames: ChunkNames = { get: (id) => id, set: () => {} }
