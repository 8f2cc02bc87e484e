/** Packing: how blocks become objects of a store, and how chunks are found in these objects again. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { KernelError, KernelSpec } from "../kernel/kernel.ts"
import { taggedError, type TaggedErrorInstance } from "../kernel/tagged_error.ts"
import type { Block } from "../run/block.ts"
import type { Fetching } from "../store/fetching.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"
import type { ChunkIndex } from "./chunk_index.ts"

/** A layout of blocks in objects, in both directions. Give it to `pack`, and to `unpack`. */
export interface Packing {
  /** Opens the store to write one snapshot. The packer knows every chunk that is stored already. */
  readonly write: Effect.Effect<Packer, StoreError | KernelError, ObjectStore | Scope.Scope>
  /** Opens the store to read chunks. */
  readonly read: Effect.Effect<Unpacker, StoreError, ObjectStore | Scope.Scope>
}

/** What a packer has written so far. */
export interface PackStats {
  /** Objects written. */
  readonly objects: number
  /** Bytes of these objects. */
  readonly bytesStored: number
  /** Chunks that were not stored before. */
  readonly chunksNew: number
  /** Sum of the lengths of the new chunks, before compression. */
  readonly bytesAdded: number
}

/** Writes the blocks of one snapshot. */
export interface Packer {
  /** Chunks are gathered into blocks of about this many bytes. 0: each chunk is a block of its own. */
  readonly blockBytes: number
  /** Whether a chunk is stored, or is about to be. */
  readonly has: (id: Uint8Array) => boolean
  /** Claims a chunk. When it returns true, the chunk is new, and the caller has to add it in a block. */
  readonly claim: (id: Uint8Array) => boolean
  /** The index behind `has` and `claim`, when threads can share it. */
  readonly index?: ChunkIndex
  /** Adds blocks and takes over their memory. One call at a time. Blocks are durable after `finish`. */
  readonly add: (blocks: ReadonlyArray<Block>) => Effect.Effect<void, StoreError | KernelError>
  /** Makes everything added durable, so that `read` finds it. */
  readonly finish: Effect.Effect<void, StoreError | KernelError>
  /** The counts so far. */
  readonly stats: () => PackStats
}

/** Where a chunk is: the piece from `from` to `to` (exclusive) of a decoded block, in bytes. */
export interface ChunkPlace {
  /** The block that holds the chunk. */
  readonly block: BlockPlace
  /** Where the chunk begins in the decoded block, in bytes. */
  readonly from: number
  /** Where the chunk ends in the decoded block, in bytes. */
  readonly to: number
}

/** A chunk that the store does not have. */
export interface ChunkLost {
  /** Why: a clause that names the object to blame, if there is one. */
  readonly lost: string
}

/** A stored block. Places of the same block are the same JavaScript object. */
export interface BlockPlace {
  /** The object that should hold it. */
  readonly object: string
  /** Where the block begins in the object, in bytes. */
  readonly offset: number
  /** Stored bytes. Infinity: the block is the whole object, of whatever length. */
  readonly length: number
  /** Bytes when decoded. Decoders refuse more. */
  readonly rawLength: number
  /**
   * Set when the packing knows the key of each block: the cipher is undone before the kernels of the recipe, which then
   * has no `decrypt`. Blocks of the same key have the same object.
   */
  readonly cipher?: KernelSpec<"encrypt"> | undefined
}

/** Reads chunks. */
export interface Unpacker {
  /** The places of the chunks of a chunk list, in order. */
  readonly locate: (list: Uint8Array) => Effect.Effect<ReadonlyArray<ChunkPlace | ChunkLost>, StoreError>
  /**
   * Other places of chunks that are lost in those which `locate` gives: the `nth` ones, from 1 on. Undefined for a
   * chunk that has no more. Without this, every chunk is stored once.
   */
  readonly elsewhere?: (
    list: Uint8Array,
    nth: number,
  ) => Effect.Effect<ReadonlyArray<ChunkPlace | ChunkLost | undefined>, StoreError>
  /** How to fetch blocks. By default as from a disk. */
  readonly fetching?: Fetching
  /** The stored bytes of a block. The caller owns them, unless the unpacker `keeps` them. */
  readonly get: (block: BlockPlace) => Effect.Effect<Uint8Array, StoreError>
  /** `get` may return the same memory again: do not change it, free it or hand it to another thread. */
  readonly keeps?: boolean
}

/** Fields of a `PackError`. */
export interface PackErrorFields {
  /**
   * `missing`: there is no such object. `truncated`: it ends too early. `corrupt`: it says what cannot be. `forged`: it
   * was not encrypted with this key. `newer`: a later version wrote it. `foreign`: it is not a pack or an index.
   */
  readonly reason: "missing" | "truncated" | "corrupt" | "forged" | "newer" | "foreign"
  /** Its name in the store. */
  readonly object: string
  /** One sentence that names the object. */
  readonly message: string
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** An object is not the pack or the index that it should be. */
export interface PackError extends TaggedErrorInstance<"PackError", PackErrorFields> {}
/**
 * Makes {@linkcode PackError}s.
 *
 * @example Tell damage from a pack of a later version
 * ```ts
 * import assert from "node:assert"
 * import { PackError } from "@penstock/penstock"
 *
 * const error = new PackError({ reason: "newer", object: "packs/ab", message: "packs/ab has version 2" })
 * assert.equal(error._tag, "PackError")
 * assert.equal(error.reason, "newer")
 * ```
 */
export const PackError: new (fields: PackErrorFields) => PackError = taggedError("PackError")
