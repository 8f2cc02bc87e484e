/**
 * Opens what was fetched: decodes blocks, and verifies the chunks in them that are wanted. On this thread, or where the
 * runtime has others.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Beside, type BlockDecoder, blockDecoder } from "../kernel/codec.ts"
import { sameId } from "../hash/chunk_list.ts"
import { type Hasher, type KernelError, Kernels, type KernelSpec, makeKernel } from "../kernel/kernel.ts"
import type { Plan } from "../plan/plan.ts"

/** A chunk in a decoded block. */
export interface ChunkAt {
  /** Where it starts and ends in the block, in bytes. */
  readonly from: number
  readonly to: number
  /** What its bytes must have as their name. */
  readonly id: Uint8Array
}

/** A block as it is stored. */
export interface StoredBlock {
  /** Where it starts and ends in what was fetched, in bytes. */
  readonly from: number
  readonly to: number
  /** It decodes to no more bytes than these. */
  readonly limit: number
  /** The chunks to verify. */
  readonly chunks: ReadonlyArray<ChunkAt>
}

/** A block that could be decoded. */
export interface DecodedBlock {
  /** Its content, which may share memory with what was fetched; nothing where no bytes were asked for. */
  readonly bytes: Uint8Array
  /** Places, in the list of those to verify, of chunks that are not what their IDs say. */
  readonly bad: ReadonlyArray<number>
}

/**
 * Opens blocks that were fetched together: `use` is told of each, `undefined` when it cannot be decoded. `stored` may
 * be handed over: see `DecodingSpec`. Fails with KernelError when the thread that had them stopped, before `use` was
 * told of any: fetch and open them again.
 */
export type DecodeBlocks = (
  stored: Uint8Array,
  blocks: ReadonlyArray<StoredBlock>,
  use: (i: number, block: DecodedBlock | undefined) => void,
) => Effect.Effect<void, KernelError>

/** How blocks are opened. */
export interface DecodingSpec {
  /** Decoders, in the order in which they run. */
  readonly decoders: Plan
  /** Names the chunks. */
  readonly hasher: KernelSpec<"hash">
  /** False when only what is wrong is of interest, and no bytes. */
  readonly bytes: boolean
  /** Whether what was fetched may be handed to another thread, and is lost to this one then. */
  readonly handOver: boolean
}

/** Makes openers. */
export interface Decoding {
  readonly start: (spec: DecodingSpec) => Effect.Effect<DecodeBlocks, never, Scope.Scope>
}

/** Opens blocks with this decoder; on this thread. */
export const decodeHere = (decode: BlockDecoder, hasher: Hasher): DecodeBlocks => {
  let warned = false
  /**
   * What a faulty decoder throws may be its way to say that a block is damaged; or all are whole, and it is wrong about
   * them.
   */
  const undecoded = ({ message, reason }: KernelError): Effect.Effect<undefined> => {
    if (reason !== "faulty" || warned) return Effect.succeed(undefined)
    warned = true
    return Effect.as(Effect.logWarning(message), undefined)
  }
  return Effect.fnUntraced(function* (stored, blocks, use) {
    for (const [i, { chunks, from, limit, to }] of blocks.entries()) {
      const bytes = yield* Effect.catch(decode(stored.subarray(from, to), limit), undecoded)
      use(i, bytes === undefined ? undefined : { bytes, bad: badChunks(hasher, bytes, chunks) })
    }
  })
}

/** Places of the chunks that are not what their IDs say. */
export const badChunks = (hasher: Hasher, block: Uint8Array, chunks: ReadonlyArray<ChunkAt>): ReadonlyArray<number> => {
  const bad: Array<number> = []
  for (const [i, { from, id, to }] of chunks.entries()) {
    if (to > block.length || !sameId(hasher.digest(block.subarray(from, to)), id)) bad.push(i)
  }
  return bad
}

/** On this thread. */
export const decodingHere: Decoding = {
  start: Effect.fnUntraced(function* ({ decoders, hasher }) {
    const table = yield* Kernels
    return decodeHere(blockDecoder(decoders, table, yield* Beside), makeKernel(hasher, table))
  }),
}

/** Where blocks are opened. */
export const Decoding: Context.Reference<Decoding> = Context.Reference<Decoding>("penstock/Decoding", {
  defaultValue: (): Decoding => decodingHere,
})
