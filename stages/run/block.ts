/** Blocks, and how new chunks are gathered into them. */
import { ChunkListBuilder } from "../hash/chunk_list.ts"
import type { BlockEncoder, Seal } from "../kernel/codec.ts"
import { release } from "../memory/release.ts"

/** Chunks that are compressed and encrypted as one, and stored as one piece of a pack. */
export interface Block {
  /** The chunks in it, in order: a chunk list. */
  readonly chunks: Uint8Array
  /** The sum of the chunks' lengths, in bytes. */
  readonly rawLength: number
  /** What is stored of it. */
  readonly bytes: Uint8Array
}

/** The most chunks of a block, however small they are. It bounds the length of chunk lists. */
const BLOCK_CHUNKS = 1 << 16

const NONE = new Uint8Array(0)

/** Gathers chunks into blocks of about `blockBytes`, and encodes each block when it is full. */
export class BlockBuilder {
  readonly #encoder: BlockEncoder
  readonly #blockBytes: number

  /** The chunks of the next block, one behind the other, and how many bytes these have. */
  #gather: Uint8Array = NONE
  #gathered = 0
  readonly #list: ChunkListBuilder = new ChunkListBuilder()

  #ready: Array<Block> = []
  #readyBytes = 0

  /** With a `blockBytes` of 0, every chunk gets a block of its own. */
  constructor(encoder: BlockEncoder, blockBytes: number) {
    this.#encoder = encoder
    this.#blockBytes = blockBytes
  }

  /** How many bytes the blocks have that wait to be taken. */
  get readyBytes(): number {
    return this.#readyBytes
  }

  /** Adds a chunk. Copies its bytes, unless an encoder makes new ones of them at once. */
  add(id: Uint8Array, chunk: Uint8Array): void {
    const blockBytes = this.#blockBytes
    if (this.#gathered + chunk.length > blockBytes || this.#list.count >= BLOCK_CHUNKS) this.flush()
    if (this.#gather.length < blockBytes) this.#gather = new Uint8Array(blockBytes)
    this.#list.add(id, chunk.length)
    if (chunk.length >= blockBytes) this.#encode(chunk)
    else {
      this.#gather.set(chunk, this.#gathered)
      this.#gathered += chunk.length
    }
  }

  /** Makes a block of the chunks that are gathered, however few. */
  flush(): void {
    if (this.#list.count === 0) return
    this.#encode(this.#gather.subarray(0, this.#gathered))
    this.#gathered = 0
  }

  /** Takes the blocks that are ready. They belong to the caller. */
  take(): ReadonlyArray<Block> {
    const blocks = this.#ready
    this.#ready = []
    this.#readyBytes = 0
    return blocks
  }

  #encode(raw: Uint8Array): void {
    const chunks = this.#list.take()
    let bytes = this.#encoder.encode(raw)
    // The memory of `raw` is used again, so the block needs its own.
    if (bytes.buffer === raw.buffer) bytes = bytes.slice()
    this.#ready.push({ chunks, rawLength: raw.length, bytes })
    this.#readyBytes += bytes.length
  }
}

/**
 * Seals blocks, all at the same time, and frees the memory of what was sealed. Without `seal` it returns the blocks as
 * they are. Rejects with the KernelError of the cipher.
 */
export const sealBlocks = async (blocks: ReadonlyArray<Block>, seal: Seal | undefined): Promise<ReadonlyArray<Block>> =>
  seal === undefined ? blocks : await Promise.all(blocks.map(async (block) => {
    const bytes = await seal(block.bytes)
    if (bytes.buffer !== block.bytes.buffer) release(block.bytes)
    return { ...block, bytes }
  }))
