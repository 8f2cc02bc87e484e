/**
 * The bytes of a pack: header | blocks | sealed footer | u32 length of the sealed footer | "PACK-END".
 *
 * The footer, sealed with what binds it to the pack as additional data, lists the blocks and what is in them: u32
 * number of blocks, then for each block u32 stored length, u32 number of chunks, and a chunk list. All little endian.
 * Blocks follow the header without gaps.
 */
import { chunkCount, chunkId, chunkLength, RECORD_BYTES } from "../hash/chunk_list.ts"
import { type Cipher, KernelError } from "../kernel/kernel.ts"
import type { PackLayout } from "./pack_layout.ts"
import { type BlockPlace, type ChunkPlace, PackError } from "./packing.ts"

/** Bytes after the sealed footer. */
export const TRAILER_BYTES = 12
const END_MAGIC: Uint8Array = new TextEncoder().encode("PACK-END")

/** A block as a footer lists it. */
export interface FooterBlock {
  /** Bytes as stored. */
  readonly length: number
  /** Chunk list. */
  readonly chunks: Uint8Array
}

/** Everything of a pack that follows its blocks. `context`: see {@link ObjectLayout.context}. */
export const encodeTail = (blocks: ReadonlyArray<FooterBlock>, context: Uint8Array, cipher: Cipher): Uint8Array => {
  const plain = new Uint8Array(4 + blocks.reduce((n, block) => n + 8 + block.chunks.length, 0))
  const view = new DataView(plain.buffer)
  view.setUint32(0, blocks.length, true)
  let at = 4
  for (const { length, chunks } of blocks) {
    view.setUint32(at, length, true)
    view.setUint32(at + 4, chunkCount(chunks), true)
    plain.set(chunks, at + 8)
    at += 8 + chunks.length
  }
  const sealed = cipher.seal(plain, context)
  const tail = new Uint8Array(sealed.length + TRAILER_BYTES)
  tail.set(sealed)
  new DataView(tail.buffer).setUint32(sealed.length, sealed.length, true)
  tail.set(END_MAGIC, sealed.length + 4)
  return tail
}

/**
 * Length of the sealed footer, from the last bytes of the pack. Throws PackError: `truncated` when they are not a
 * trailer, `corrupt` when it is longer than can be.
 */
export const footerLength = (
  { object, size }: { readonly object: string; readonly size: number },
  { footerBytes, packs: { headerBytes } }: Pick<PackLayout, "footerBytes" | "packs">,
  tail: Uint8Array,
): number => {
  const trailer = tail.subarray(Math.max(0, tail.length - TRAILER_BYTES))
  if (trailer.length < TRAILER_BYTES || END_MAGIC.some((byte, i) => trailer[4 + i] !== byte)) {
    throw new PackError({
      reason: "truncated",
      object,
      message: `${object} has no end mark: it is truncated or altered`,
    })
  }
  const length = new DataView(trailer.buffer, trailer.byteOffset).getUint32(0, true)
  if (length + TRAILER_BYTES + headerBytes > size) {
    throw new PackError({ reason: "corrupt", object, message: `${object} claims a footer longer than itself` })
  }
  if (length > footerBytes) {
    throw new PackError({
      reason: "corrupt",
      object,
      message: `${object} claims a footer of ${length} bytes, and there is none of more than ${footerBytes}`,
    })
  }
  return length
}

/** The blocks of a pack of `size` bytes. Throws PackError. */
export const decodeFooter = (
  { object, size }: { readonly object: string; readonly size: number },
  headerBytes: number,
  context: Uint8Array,
  sealed: Uint8Array,
  cipher: Cipher,
): ReadonlyArray<FooterBlock> => {
  const corrupt = (what: string): PackError =>
    new PackError({ reason: "corrupt", object, message: `The footer of ${object} ${what}` })
  let plain: Uint8Array
  try {
    plain = cipher.open(sealed, context)
  } catch (error) {
    if (error instanceof KernelError) {
      throw new PackError({ reason: "forged", object, message: `${object} was altered, or is another object` })
    }
    throw error
  }
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength)
  if (plain.length < 4) throw corrupt("is too short")
  const blocks: Array<FooterBlock> = []
  let at = 4
  let body = headerBytes
  for (let n = view.getUint32(0, true); n > 0; n--) {
    if (at + 8 > plain.length) throw corrupt("ends early")
    const length = view.getUint32(at, true)
    const bytes = view.getUint32(at + 4, true) * RECORD_BYTES
    if (at + 8 + bytes > plain.length) throw corrupt("ends early")
    blocks.push({ length, chunks: plain.subarray(at + 8, at + 8 + bytes) })
    at += 8 + bytes
    body += length
  }
  if (at !== plain.length) throw corrupt("has bytes after its last block")
  if (body + sealed.length + TRAILER_BYTES !== size) {
    throw corrupt(`does not fit its size of ${size} bytes: it is truncated or altered`)
  }
  return blocks
}

/** About what the objects of one block take in memory, in bytes. */
const BLOCK_OBJECTS_BYTES = 256

/** The chunks of one pack, found by ID. */
export class PackDirectory {
  /** The blocks, in order. */
  readonly blocks: ReadonlyArray<{ readonly place: BlockPlace; readonly chunks: Uint8Array }>
  /** Open addressing by the first bytes of the ID: 1 + the number of the chunk, 0 for none. */
  readonly #slots: Uint32Array
  /** Of each chunk: its block, its place in the list of that, and where it begins in the content of that. */
  readonly #chunks: Uint32Array

  /** About how much memory it takes, in bytes. */
  readonly bytes: number

  constructor(object: string, headerBytes: number, blocks: ReadonlyArray<FooterBlock>) {
    const count = blocks.reduce((n, { chunks }) => n + chunkCount(chunks), 0)
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(1, count) * 1.5)))
    this.#chunks = new Uint32Array(3 * count)
    let offset = headerBytes
    let n = 0
    this.blocks = blocks.map(({ length, chunks }, block) => {
      let from = 0
      for (let i = 0; i < chunkCount(chunks); i++, n++) {
        this.#chunks.set([block, i, from], 3 * n)
        this.#slots[this.#slotOf(chunkId(chunks, i), n)] = n + 1
        from += chunkLength(chunks, i)
      }
      const place: BlockPlace = { object, offset, length, rawLength: from }
      offset += length
      return { place, chunks }
    })
    this.bytes = this.#slots.byteLength + this.#chunks.byteLength +
      blocks.reduce((bytes, { chunks }) => bytes + chunks.length + BLOCK_OBJECTS_BYTES, 0)
  }

  /**
   * The slot of a chunk, or the empty one where it belongs. The whole ID counts; of chunk `n`, itself, only empty ones
   * do.
   */
  #slotOf(id: Uint8Array, n?: number): number {
    const mask = this.#slots.length - 1
    let slot = (id[0]! | id[1]! << 8 | id[2]! << 16 | id[3]! << 24) & mask
    for (;; slot = (slot + 1) & mask) {
      const found = this.#slots[slot]!
      if (found === 0) return slot
      if (n === undefined && this.#idOf(found - 1).every((byte, i) => byte === id[i])) return slot
    }
  }

  #idOf(n: number): Uint8Array {
    return chunkId(this.blocks[this.#chunks[3 * n]!]!.chunks, this.#chunks[3 * n + 1]!)
  }

  /** Where a chunk is. */
  find(id: Uint8Array): ChunkPlace | undefined {
    const found = this.#slots[this.#slotOf(id)]!
    if (found === 0) return undefined
    const [block, i, from] = this.#chunks.subarray(3 * found - 3, 3 * found) as unknown as [number, number, number]
    const { chunks, place } = this.blocks[block]!
    return { block: place, from, to: from + chunkLength(chunks, i) }
  }
}
