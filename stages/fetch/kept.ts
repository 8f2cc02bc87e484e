/** Blocks and chunks that are kept in memory, because they are likely to be wanted again soon. */
import { bytesToHex } from "@noble/hashes/utils.js"
import { sameId } from "../hash/chunk_list.ts"
import { ZeroIds } from "../hash/zero_ids.ts"
import type { Hasher } from "../kernel/kernel.ts"
import type { Lender } from "../memory/lent.ts"
import { Recent } from "../memory/recent.ts"
import { sharedZeros } from "../memory/zeros.ts"
import type { BlockPlace } from "../pack/packing.ts"

/** Decoded blocks that are kept, in bytes: files that share a block often follow each other. */
const BLOCKS_BYTES = 8 << 20
/** The longest block that is kept, in bytes. */
const LONGEST_BLOCK = BLOCKS_BYTES / 4
/** Chunks that are kept apart from their blocks, in bytes, and the longest of them. */
const CHUNKS_BYTES = 8 << 20
const LONGEST_CHUNK = 256 << 10

/** The decoded blocks that were used last. */
export class KeptBlocks {
  readonly #blocks = new Recent<BlockPlace, Lender>({
    limit: BLOCKS_BYTES,
    bytesOf: ({ bytes }) => bytes.length,
    dropped: (block) => block.drop(),
  })

  /** Keeps a block, unless it is too long. Holds it for as long as it is kept. */
  add(place: BlockPlace, block: Lender): void {
    if (block.bytes.length > LONGEST_BLOCK) return
    block.hold()
    this.#blocks.set(place, block)
  }

  get(place: BlockPlace): Lender | undefined {
    return this.#blocks.get(place)
  }
}

/**
 * Copies of chunks that are wanted again. Without a copy, the block of 1 MiB would be decoded again for the chunk. Long
 * chunks of zeros are told by their ID, and are all the same memory.
 */
export class KeptChunks {
  readonly #wanted: ((id: Uint8Array) => boolean) | undefined
  readonly #chunks = new Recent<string, Uint8Array>({ limit: CHUNKS_BYTES, bytesOf: ({ length }) => length })

  readonly #zeroIds: ZeroIds
  /** The chunk that was asked for last. */
  #last: Uint8Array = new Uint8Array(0)

  /**
   * `wanted`: whether a chunk is wanted more than once. Without it, no chunk is kept. `hasher` gives chunks their IDs.
   */
  constructor(wanted: ((id: Uint8Array) => boolean) | undefined, hasher: Hasher) {
    this.#wanted = wanted
    this.#zeroIds = new ZeroIds(hasher)
  }

  /** Keeps a copy of a verified chunk, when it is wanted again. */
  add(id: Uint8Array, chunk: Uint8Array): void {
    if (chunk.length > LONGEST_CHUNK || this.#wanted?.(id) !== true) return
    const key = bytesToHex(id)
    if (!this.#chunks.has(key)) this.#chunks.set(key, chunk.slice())
  }

  /** The chunk, when it is kept and has this length. It must not be changed. */
  get(id: Uint8Array, length: number): Uint8Array | undefined {
    const again = this.#wanted?.(id) === true
    if (this.#isZeros(id, length, again)) return sharedZeros(length)
    if (!again || this.#chunks.size === 0) return undefined
    const chunk = this.#chunks.get(bytesToHex(id))
    return chunk?.length === length ? chunk : undefined
  }

  /**
   * Whether a chunk is zeros. Zeros of its length are hashed to find out, so that is done only for a chunk that occurs
   * `again`, or twice in a row.
   */
  #isZeros(id: Uint8Array, length: number, again: boolean): boolean {
    const last = this.#last
    this.#last = id
    const zeros = again || sameId(last, id) ? this.#zeroIds.get(length) : this.#zeroIds.known(length)
    return zeros !== undefined && sameId(zeros, id)
  }
}
