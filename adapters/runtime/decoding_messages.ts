/** What threads that open blocks are told, and answer: plain data, handed over where it is large. */
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import type { ChunkAt, StoredBlock } from "../../stages/fetch/decoding.ts"
import type { KernelMessage } from "./kernel_messages.ts"

/** To a thread. */
export type DecodingRequest =
  | {
    readonly type: "decoder"
    readonly decoder: number
    readonly decoders: ReadonlyArray<KernelMessage>
    readonly hasher: KernelMessage
    /** Whether the answers have the content of blocks. */
    readonly bytes: boolean
  }
  | {
    readonly type: "blocks"
    readonly task: number
    readonly decoder: number
    /** What was fetched. */
    readonly stored: ArrayBuffer
    readonly blocks: BlocksMessage
  }
  | { readonly type: "end"; readonly decoder: number }

/** The answer: of each block its content, or undefined when it cannot be decoded; and which chunks are bad. */
export interface DecodedReply {
  readonly type: "decoded"
  readonly blocks: ReadonlyArray<Uint8Array | undefined>
  /** Pairs: place of the block, place of the chunk. */
  readonly bad: ReadonlyArray<readonly [block: number, chunk: number]>
}

/**
 * Blocks as two pieces of memory: Deno takes 0.25 µs for each element of a typed array that is sent to a thread, and
 * for nothing else.
 */
export interface BlocksMessage {
  /**
   * Float64: of each block `from`, `to`, `limit` and its number of chunks, then of each chunk of all `from` and `to`.
   */
  readonly numbers: ArrayBuffer
  /** Of each chunk its ID. */
  readonly ids: ArrayBuffer
}

const BLOCK_NUMBERS = 4

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

/** The inverse, on the thread;. */
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
