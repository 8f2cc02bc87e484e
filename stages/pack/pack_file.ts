/**
 * The bytes of a pack: header | blocks | encrypted footer | u32 length of the encrypted footer | "PACK-END".
 *
 * The footer lists the blocks and their chunks: u32 number of blocks, then for each block u32 stored length, u32 number
 * of chunks, and a chunk list. All numbers are little endian. Blocks follow the header without gaps. The additional
 * data of the cipher binds the footer to its pack.
 */
import { chunkCount, RECORD_BYTES } from "../hash/chunk_list.ts"
import { type Cipher, KernelError } from "../kernel/kernel.ts"
import type { PackLayout } from "./pack_layout.ts"
import { PackError } from "./packing.ts"

/** Bytes after the encrypted footer. */
export const TRAILER_BYTES = 12
const END_MAGIC: Uint8Array = new TextEncoder().encode("PACK-END")
/** Bytes of the footer before the chunk list of each block. */
const BLOCK_HEAD_BYTES = 8

/** A block as a footer lists it. */
export interface FooterBlock {
  /** Bytes as stored. */
  readonly length: number
  /** Chunk list. */
  readonly chunks: Uint8Array
}

/** Everything of a pack that follows its blocks. `context`: see {@link ObjectLayout.context}. */
export const encodeTail = (blocks: ReadonlyArray<FooterBlock>, context: Uint8Array, cipher: Cipher): Uint8Array => {
  const plain = new Uint8Array(4 + blocks.reduce((n, block) => n + BLOCK_HEAD_BYTES + block.chunks.length, 0))
  const view = new DataView(plain.buffer)
  view.setUint32(0, blocks.length, true)
  let at = 4
  for (const { length, chunks } of blocks) {
    view.setUint32(at, length, true)
    view.setUint32(at + 4, chunkCount(chunks), true)
    plain.set(chunks, at + BLOCK_HEAD_BYTES)
    at += BLOCK_HEAD_BYTES + chunks.length
  }
  const sealed = cipher.seal(plain, context)
  const tail = new Uint8Array(sealed.length + TRAILER_BYTES)
  tail.set(sealed)
  new DataView(tail.buffer).setUint32(sealed.length, sealed.length, true)
  tail.set(END_MAGIC, sealed.length + 4)
  return tail
}

/**
 * The length of the encrypted footer, from the last bytes of the pack. Throws PackError: `truncated` when they are not
 * a trailer, `corrupt` when the footer is longer than a footer can be.
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
      message: `${object} claims a footer of ${length} bytes, more than the ${footerBytes} that are allowed`,
    })
  }
  return length
}

/**
 * The blocks of a pack of `size` bytes. Throws PackError: `forged` when the key or `context` does not fit, `corrupt`
 * when the footer does not fit the pack.
 */
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
      throw new PackError({
        reason: "forged",
        object,
        message: `${object} was altered, or was encrypted with another key`,
      })
    }
    throw error
  }
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength)
  if (plain.length < 4) throw corrupt("is too short")
  const blocks: Array<FooterBlock> = []
  let at = 4
  let body = headerBytes
  for (let n = view.getUint32(0, true); n > 0; n--) {
    const list = at + BLOCK_HEAD_BYTES
    if (list > plain.length) throw corrupt("ends early")
    const length = view.getUint32(at, true)
    const end = list + view.getUint32(at + 4, true) * RECORD_BYTES
    if (end > plain.length) throw corrupt("ends early")
    blocks.push({ length, chunks: plain.subarray(list, end) })
    at = end
    body += length
  }
  if (at !== plain.length) throw corrupt("has bytes after its last block")
  if (body + sealed.length + TRAILER_BYTES !== size) {
    throw corrupt(`does not fit its size of ${size} bytes: it is truncated or altered`)
  }
  return blocks
}
