/** What threads that decode blocks are told, and what they reply: plain data, handed over where it is large. */
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import type { ChunkAt, StoredBlock } from "../../stages/fetch/decoding.ts"
import type { KernelMessage } from "./kernel_messages.ts"

/** Sent to a thread. */
export type DecodingRequest =
  | {
    readonly type: "decoder"
    readonly decoder: number
    readonly decoders: ReadonlyArray<KernelMessage>
    readonly hasher: KernelMessage
    /** Whether replies have the content of blocks. */
    readonly bytes: boolean
  }
  | {
    readonly type: "blocks"
    readonly task: number
    readonly decoder: number
    /** What was fetched. */
    readonly stored: ArrayBuffer
    /** The cipher of the blocks, when the packing knows it. */
    readonly cipher?: CipherMessage | undefined
    readonly blocks: BlocksMessage
  }
  | { readonly type: "end"; readonly decoder: number }

/** A cipher, and a number that tells it from all others, so that a thread makes it once. */
export interface CipherMessage {
  readonly number: number
  readonly kernel: KernelMessage
}

/** The reply about blocks. */
export interface DecodedReply {
  readonly type: "decoded"
  /** The content of each block; undefined when it cannot be decoded. */
  readonly blocks: ReadonlyArray<Uint8Array | undefined>
  /** The chunks that are not what their IDs say: the place of the block, and that of the chunk in it. */
  readonly bad: ReadonlyArray<readonly [block: number, chunk: number]>
}

/**
 * Blocks to decode, as two pieces of memory. Typed arrays would be slow: Deno takes 0.25 µs for each of their elements
 * to send them to a thread.
 */
export interface BlocksMessage {
  /**
   * Float64 numbers: of each block `from`, `to`, `limit` and its number of chunks; then of each chunk of all blocks
   * `from` and `to`.
   */
  readonly numbers: ArrayBuffer
  /** The ID of each chunk. */
  readonly ids: ArrayBuffer
}

const BLOCK_NUMBERS = 4

/** Packs blocks for a thread. */
export const toBlocksMessage = (blocks: ReadonlyArray<StoredBlock>): BlocksMessage => {
  const chunks = blocks.reduce((sum, block) => sum + block.chunks.length, 0)
  const numbers = new Float64Array(blocks.length * BLOCK_NUMBERS + chunks * 2)
  const ids = new Uint8Array(chunks * ID_BYTES)
  let at = 0
  for (const { chunks, from, limit, to } of blocks) {
    numbers[at++] = from
    numbers[at++] = to
    numbers[at++] = limit
    numbers[at++] = chunks.length
  }
  let id = 0
  for (const { chunks } of blocks) {
    for (const chunk of chunks) {
      numbers[at++] = chunk.from
      numbers[at++] = chunk.to
      ids.set(chunk.id, id)
      id += ID_BYTES
    }
  }
  return { numbers: numbers.buffer, ids: ids.buffer }
}

/** Unpacks them on the thread. */
export const blocksOf = ({ ids, numbers }: BlocksMessage): ReadonlyArray<StoredBlock> => {
  const all = new Float64Array(numbers)
  const count = (all.length - 2 * (ids.byteLength / ID_BYTES)) / BLOCK_NUMBERS
  let at = count * BLOCK_NUMBERS
  let id = 0
  return Array.from({ length: count }, (_, i): StoredBlock => {
    const [from, to, limit, length] = all.subarray(i * BLOCK_NUMBERS, (i + 1) * BLOCK_NUMBERS)
    const chunks = Array.from({ length: length! }, (): ChunkAt => {
      const chunk = { from: all[at]!, to: all[at + 1]!, id: new Uint8Array(ids, id, ID_BYTES) }
      at += 2
      id += ID_BYTES
      return chunk
    })
    return { from: from!, to: to!, limit: limit!, chunks }
  })
}
