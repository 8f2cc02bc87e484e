/**
 * The bytes of a pack: header | blocks | sealed footer | u32 length of the sealed footer | "PACK-END".
 *
 * The footer, sealed with the header as additional data, lists the blocks and what is in them: u32 number of blocks, then for
 * each block u32 stored length, u32 number of chunks, and a chunk list. All little endian. Blocks follow the header without gaps.
 */
import { chunkCount, chunkId, chunkLength, RECORD_BYTES } from "../hash/chunk_list.ts"
import { type Cipher, KernelError } from "../kernel.ts"
import { ChunkIndex } from "./chunk_index.ts"
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

/** Everything of a pack that follows its blocks. */
export const encodeTail = (blocks: ReadonlyArray<FooterBlock>, header: Uint8Array, cipher: Cipher): Uint8Array => {
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
  const sealed = cipher.seal(plain, header)
  const tail = new Uint8Array(sealed.length + TRAILER_BYTES)
  tail.set(sealed)
  new DataView(tail.buffer).setUint32(sealed.length, sealed.length, true)
  tail.set(END_MAGIC, sealed.length + 4)
  return tail
}

/** Length of the sealed footer, from the last bytes of the pack. Throws PackError `truncated` when they are not a trailer. */
export const footerLength = (object: string, size: number, headerBytes: number, tail: Uint8Array): number => {
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
  return length
}

/** The blocks of a pack of `size` bytes. Throws PackError. */
export const decodeFooter = (
  object: string,
  size: number,
  header: Uint8Array,
  sealed: Uint8Array,
  cipher: Cipher,
): ReadonlyArray<FooterBlock> => {
  const corrupt = (what: string): PackError =>
    new PackError({ reason: "corrupt", object, message: `The footer of ${object} ${what}` })
  let plain: Uint8Array
  try {
    plain = cipher.open(sealed, header)
  } catch (error) {
    if (error instanceof KernelError) {
      throw new PackError({ reason: "forged", object, message: `The header or footer of ${object} was altered` })
    }
    throw error
  }
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength)
  if (plain.length < 4) throw corrupt("is too short")
  const blocks: Array<FooterBlock> = []
  let at = 4
  let body = header.length
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

/** The chunks of one pack, found by ID. */
export class PackDirectory {
  /** The blocks, in order. */
  readonly blocks: ReadonlyArray<{ readonly place: BlockPlace; readonly chunks: Uint8Array }>
  readonly #index: ChunkIndex
  readonly #places: Array<{ readonly id: Uint8Array; readonly place: ChunkPlace }> = []

  constructor(object: string, headerBytes: number, blocks: ReadonlyArray<FooterBlock>) {
    this.#index = new ChunkIndex(blocks.reduce((n, { chunks }) => n + chunkCount(chunks), 0))
    let offset = headerBytes
    this.blocks = blocks.map(({ length, chunks }) => {
      let rawLength = 0
      for (let i = 0; i < chunkCount(chunks); i++) rawLength += chunkLength(chunks, i)
      const place: BlockPlace = { object, offset, length, rawLength }
      offset += length
      let from = 0
      for (let i = 0; i < chunkCount(chunks); i++) {
        const id = chunkId(chunks, i)
        const to = from + chunkLength(chunks, i)
        this.#index.set(id, this.#places.length)
        this.#places.push({ id, place: { block: place, from, to } })
        from = to
      }
      return { place, chunks }
    })
  }

  /** Where a chunk is; the whole ID counts. */
  find(id: Uint8Array): ChunkPlace | undefined {
    const at = this.#index.get(id)
    if (at === undefined) return undefined
    const found = this.#places[at]!
    return found.id.every((byte, i) => byte === id[i]) ? found.place : undefined
  }
}
