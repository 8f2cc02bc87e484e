/** Decodes blocks that were fetched, and verifies the chunks in them; on this thread, or on others. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { sameId } from "../hash/chunk_list.ts"
import { catching, catchingLater } from "../kernel/catching.ts"
import { Beside, type BlockDecoders, makeBlockDecoders } from "../kernel/codec.ts"
import { type Hasher, KernelError, Kernels, type KernelSpec, makeKernel } from "../kernel/kernel.ts"
import { taggedError, type TaggedErrorInstance } from "../kernel/tagged_error.ts"
import type { Plan } from "../plan/plan.ts"

/** A chunk in a decoded block. */
export interface ChunkAt {
  /** Where it starts and ends in the block, in bytes. */
  readonly from: number
  readonly to: number
  /** The ID that its bytes must have. */
  readonly id: Uint8Array
}

/** A block as it is stored. */
export interface StoredBlock {
  /** Where it starts and ends in what was fetched, in bytes. */
  readonly from: number
  readonly to: number
  /** It decodes to no more bytes than this. */
  readonly limit: number
  /** The chunks to verify. */
  readonly chunks: ReadonlyArray<ChunkAt>
}

/** A block that could be decoded. */
export interface DecodedBlock {
  /** Its content, which may share memory with what was fetched. Empty when no bytes were asked for. */
  readonly bytes: Uint8Array
  /** The chunks that do not have their IDs: their places in the list of chunks to verify. */
  readonly bad: ReadonlyArray<number>
}

/** Fields of a `DecoderStopped`. */
export interface DecoderStoppedFields {
  readonly message: string
  readonly cause: KernelError
}
/** The thread that was to decode blocks stopped. What was handed to it is lost, and has to be fetched again. */
export interface DecoderStopped extends TaggedErrorInstance<"DecoderStopped", DecoderStoppedFields> {}
/** Makes {@linkcode DecoderStopped}s. */
export const DecoderStopped: new (fields: DecoderStoppedFields) => DecoderStopped = taggedError("DecoderStopped")

/**
 * Decodes blocks that were fetched together. Calls `use` for each, with `undefined` when the block cannot be decoded.
 * `stored` may be handed over to another thread: see `DecodingSpec`. When that thread stops, this fails before any call
 * of `use`. `cipher` is that of the blocks, see `BlockPlace`.
 */
export type DecodeBlocks<B extends DecodedBlock = DecodedBlock> = <E>(
  stored: Uint8Array,
  blocks: ReadonlyArray<StoredBlock>,
  use: (i: number, block: B | undefined) => Effect.Effect<void, E>,
  cipher?: KernelSpec<"encrypt">,
) => Effect.Effect<void, E | DecoderStopped>

/** How blocks are decoded. */
export interface DecodingSpec {
  /** The kernels whose inverses run, in the order in which these run. */
  readonly decoders: Plan
  /** Names the chunks. */
  readonly hasher: KernelSpec<"hash">
  /** Whether the content of blocks is wanted. False when blocks are only checked. */
  readonly bytes: boolean
  /** Whether what was fetched may be handed to another thread. Then this thread no longer has it. */
  readonly handOver: boolean
}

/** Decodes blocks somewhere: on this thread, or on others. */
export interface Decoding {
  /** Makes the kernels, and gives the function that decodes blocks with them until the scope closes. */
  readonly startDecoder: (spec: DecodingSpec) => Effect.Effect<DecodeBlocks, never, Scope.Scope>
}

/** Decodes blocks on this thread. */
export const decodeHere = (decoders: BlockDecoders, hasher: Hasher): DecodeBlocks =>
  decodeHereTo(
    (stored, limit, cipher) => Effect.map(decodeBlock(decoders, stored, limit, cipher), (bytes) => ({ bytes })),
    hasher,
  )

/** Decodes blocks on this thread, with a decoder that gives more than the bytes of a block. */
export const decodeHereTo = <A extends Pick<DecodedBlock, "bytes">>(
  decode: (stored: Uint8Array, limit: number, cipher?: KernelSpec<"encrypt">) => Effect.Effect<A, KernelError>,
  hasher: Hasher,
): DecodeBlocks<A & DecodedBlock> => {
  let warned = false
  // A faulty kernel says nothing about the block, which may be whole. So the fault is logged, once.
  const undecoded = ({ message, reason }: KernelError): Effect.Effect<undefined> => {
    if (reason !== "faulty" || warned) return Effect.succeed(undefined)
    warned = true
    return Effect.as(Effect.logWarning(message), undefined)
  }
  return Effect.fnUntraced(function* (stored, blocks, use, cipher) {
    for (const [i, { chunks, from, limit, to }] of blocks.entries()) {
      const decoded = yield* Effect.catch(decode(stored.subarray(from, to), limit, cipher), undecoded)
      yield* use(i, decoded && { ...decoded, bad: badChunks(hasher, decoded.bytes, chunks) })
    }
  })
}

/** Finds the chunks that do not have their IDs. Returns their places in the list. */
export const badChunks = (hasher: Hasher, block: Uint8Array, chunks: ReadonlyArray<ChunkAt>): ReadonlyArray<number> => {
  const bad: Array<number> = []
  for (const [i, { from, id, to }] of chunks.entries()) {
    if (to > block.length || !sameId(hasher.digest(block.subarray(from, to)), id)) bad.push(i)
  }
  return bad
}

/** Decodes all blocks on this thread. */
export const decodingHere: Decoding = {
  startDecoder: Effect.fnUntraced(function* ({ decoders, hasher }) {
    const table = yield* Kernels
    return decodeHere(makeBlockDecoders(decoders, table, yield* Beside), makeKernel(hasher, table))
  }),
}

/** The {@link Decoding} in use; on this thread by default. */
export const Decoding: Context.Reference<Decoding> = Context.Reference<Decoding>("penstock/Decoding", {
  defaultValue: (): Decoding => decodingHere,
})

/** Decodes one block. Fails with KernelError; anything else that a kernel throws is a defect. */
export const decodeBlock = (
  decoders: BlockDecoders,
  stored: Uint8Array,
  limit: number,
  cipher?: KernelSpec<"encrypt">,
): Effect.Effect<Uint8Array, KernelError> =>
  Effect.flatMap(
    catching(KernelError, () => decoders(cipher)(stored, limit)),
    (block) => block instanceof Promise ? catchingLater(KernelError, () => block) : Effect.succeed(block),
  )
