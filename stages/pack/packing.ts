/** How blocks become objects of a store, and how chunks are found in them again. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Fetching } from "../store/fetching.ts"
import type { KernelError } from "../kernel/kernel.ts"
import type { Block } from "../run/lane.ts"
import type { ChunkIndex } from "./chunk_index.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"
import { taggedError, type TaggedErrorInstance } from "../kernel/tagged_error.ts"

/** A layout of blocks in objects: both directions. */
export interface Packing {
  /** Opens the store for writing one snapshot. Knows every chunk that is stored already. */
  readonly write: Effect.Effect<Packer, StoreError, ObjectStore | Scope.Scope>
  /** Opens the store for reading chunks. */
  readonly read: Effect.Effect<Unpacker, StoreError, ObjectStore | Scope.Scope>
}

/** What was written so far. */
export interface PackStats {
  /** Objects written. */
  readonly objects: number
  /** Their bytes. */
  readonly bytesStored: number
  readonly chunksNew: number
  /** Sum of the lengths of the new chunks. */
  readonly bytesAdded: number
}

/** Writes the blocks of one snapshot. */
export interface Packer {
  /** Chunks are gathered into blocks of about this many bytes; 0: one chunk, one block. */
  readonly blockBytes: number
  /** Whether a chunk is stored, or is about to be. */
  readonly has: (id: Uint8Array) => boolean
  /** Claims a chunk; true: it is new, and the caller adds it in a block. */
  readonly claim: (id: Uint8Array) => boolean
  /** The index behind `has` and `claim`, when it is one that threads can share. */
  readonly index?: ChunkIndex
  /** Takes blocks over, one call at a time. They are durable after `finish`. */
  readonly add: (blocks: ReadonlyArray<Block>) => Effect.Effect<void, StoreError | KernelError>
  /** Makes everything added durable, and findable by `read`. */
  readonly finish: Effect.Effect<void, StoreError | KernelError>
  /** The counts now. */
  readonly stats: () => PackStats
}

/** Where a chunk is: piece `from..to` of the decoded content of a block. */
export interface ChunkPlace {
  readonly block: BlockPlace
  readonly from: number
  readonly to: number
}

/** A chunk that cannot be had. */
export interface ChunkLost {
  /** Why: a clause that names the object, where one is to blame. */
  readonly lost: string
}

/**
 * A stored block: `length` bytes at `offset` of an object, Infinity when it is the whole object, of whatever length.
 * Places of the same block are the same JavaScript object.
 */
export interface BlockPlace {
  readonly object: string
  readonly offset: number
  readonly length: number
  /** Length when decoded: the limit for decoders. */
  readonly rawLength: number
}

/** Reads chunks. */
export interface Unpacker {
  /** The places of the chunks of a chunk list, in order. */
  readonly locate: (list: Uint8Array) => Effect.Effect<ReadonlyArray<ChunkPlace | ChunkLost>, StoreError>
  /** How blocks are best fetched; as from a disk, when absent. */
  readonly fetching?: Fetching
  /** The stored bytes of a block. They are the caller's, unless `keeps`. */
  readonly get: (block: BlockPlace) => Effect.Effect<Uint8Array, StoreError>
  /** What `get` gives may be given again: it is not to be changed, freed or handed to another thread. */
  readonly keeps?: boolean
}

/** Fields of a `PackError`. */
export interface PackErrorFields {
  /**
   * `missing`, `truncated`, `corrupt`, `forged` (not sealed with this key), `newer` (a later version), `foreign` (not a
   * pack).
   */
  readonly reason: "missing" | "truncated" | "corrupt" | "forged" | "newer" | "foreign"
  readonly object: string
  readonly message: string
  readonly cause?: unknown
}
/** An object is not the pack or index that it should be. */
export interface PackError extends TaggedErrorInstance<"PackError", PackErrorFields> {}
/** Makes {@linkcode PackError}s. */
export const PackError: new (fields: PackErrorFields) => PackError = taggedError("PackError")
