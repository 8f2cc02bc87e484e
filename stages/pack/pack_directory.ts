/** The chunks of one pack, found by their IDs. */
import { chunkCount, chunkId, chunkLength } from "../hash/chunk_list.ts"
import type { FooterBlock } from "./pack_file.ts"
import type { BlockPlace, ChunkPlace } from "./packing.ts"
import type { Sealing } from "./sealing.ts"

/** About how much memory the objects of one block take, in bytes. */
const BLOCK_OBJECTS_BYTES = 256

/** The blocks of a pack, and a hash table of their chunks. */
export class PackDirectory {
  /** The blocks, in order. */
  readonly blocks: ReadonlyArray<{ readonly place: BlockPlace; readonly chunks: Uint8Array }>
  /** About how much memory the directory takes, in bytes. */
  readonly bytes: number
  /** Open addressing by the first bytes of the ID: the number of the chunk plus 1, or 0 for none. */
  readonly #slots: Uint32Array
  /** Three numbers for each chunk: its block, its place in the block's list, and where it begins in the block. */
  readonly #chunks: Uint32Array

  /** From what the footer of `object` lists. The blocks start behind the header. */
  constructor(
    object: string,
    { blocks: cipher, headerBytes }: Pick<Sealing, "blocks" | "headerBytes">,
    blocks: ReadonlyArray<FooterBlock>,
  ) {
    const count = blocks.reduce((n, { chunks }) => n + chunkCount(chunks), 0)
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(1, count) * 1.5)))
    this.#chunks = new Uint32Array(3 * count)
    let offset = headerBytes
    let n = 0
    this.blocks = blocks.map(({ length, chunks }, block) => {
      let from = 0
      for (let i = 0; i < chunkCount(chunks); i++, n++) {
        this.#chunks.set([block, i, from], 3 * n)
        this.#slots[this.#emptySlot(chunkId(chunks, i))] = n + 1
        from += chunkLength(chunks, i)
      }
      const place: BlockPlace = { object, offset, length, rawLength: from, cipher }
      offset += length
      return { place, chunks }
    })
    this.bytes = this.#slots.byteLength + this.#chunks.byteLength +
      blocks.reduce((bytes, { chunks }) => bytes + chunks.length + BLOCK_OBJECTS_BYTES, 0)
  }

  /** Where a chunk is; undefined when the pack does not have it. Of several with this ID, the first. */
  find(id: Uint8Array): ChunkPlace | undefined {
    const mask = this.#slots.length - 1
    for (let slot = firstBytes(id) & mask;; slot = (slot + 1) & mask) {
      const found = this.#slots[slot]!
      if (found === 0) return undefined
      const [block, i, from] = this.#chunks.subarray(3 * found - 3, 3 * found) as unknown as [number, number, number]
      const { chunks, place } = this.blocks[block]!
      if (chunkId(chunks, i).every((byte, i) => byte === id[i])) {
        return { block: place, from, to: from + chunkLength(chunks, i) }
      }
    }
  }

  #emptySlot(id: Uint8Array): number {
    const mask = this.#slots.length - 1
    let slot = firstBytes(id) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    return slot
  }
}

const firstBytes = (id: Uint8Array): number => id[0]! | id[1]! << 8 | id[2]! << 16 | id[3]! << 24
