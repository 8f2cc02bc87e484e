/**
 * The bytes of a pack: header | blocks | encrypted footer | tag | u16 length of the tag | u32 length of the encrypted
 * footer | "PACK-END".
 *
 * The tag is what opens the key. The header has it, too; here one request reads all that is needed, and a pack whose
 * header is damaged can be read. The footer lists the blocks and their chunks: u32 number of blocks, then for each
 * block u32 stored length, u32 number of chunks, and a chunk list. All numbers are little endian. Blocks follow the
 * header without gaps. The additional data of the cipher binds the footer to its pack.
 */
import { concat } from "effect/Bytes"
import { chunkCount, RECORD_BYTES } from "../hash/chunk_list.ts"
import { type Cipher, KernelError } from "../kernel/kernel.ts"
import { PackError } from "./packing.ts"

/** Bytes after the tag. */
export const TRAILER_BYTES = 14
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

/** Everything of a pack that follows its blocks. `context`: see `Sealing`. */
export const encodeTail = (
  blocks: ReadonlyArray<FooterBlock>,
  { context, tag }: { readonly context: Uint8Array; readonly tag: Uint8Array },
  cipher: Cipher,
): Uint8Array => {
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
  const trailer = new Uint8Array(TRAILER_BYTES)
  const numbers = new DataView(trailer.buffer)
  numbers.setUint16(0, tag.length, true)
  numbers.setUint32(2, sealed.length, true)
  trailer.set(END_MAGIC, 6)
  return concat([sealed, tag, trailer])
}

/** Bytes of the last parts of a pack. */
export interface TailLengths {
  readonly footer: number
  readonly tag: number
}

/**
 * The lengths of the encrypted footer and of the tag, from the last bytes of the pack. Throws PackError: `truncated`
 * when they are not a trailer, `corrupt` when the footer is longer than `footerBytes`, or longer than the pack.
 */
export const tailLengths = (
  { object, size }: { readonly object: string; readonly size: number },
  footerBytes: number,
  tail: Uint8Array,
): TailLengths => {
  const trailer = tail.subarray(Math.max(0, tail.length - TRAILER_BYTES))
  if (trailer.length < TRAILER_BYTES || END_MAGIC.some((byte, i) => trailer[6 + i] !== byte)) {
    throw new PackError({
      reason: "truncated",
      object,
      message: `${object} has no end mark: it is truncated or altered`,
    })
  }
  const view = new DataView(trailer.buffer, trailer.byteOffset)
  const lengths: TailLengths = { tag: view.getUint16(0, true), footer: view.getUint32(2, true) }
  if (lengths.footer + lengths.tag + TRAILER_BYTES > size) {
    throw new PackError({ reason: "corrupt", object, message: `${object} claims a footer longer than itself` })
  }
  if (lengths.footer > footerBytes) {
    throw new PackError({
      reason: "corrupt",
      object,
      message: `${object} claims a footer of ${lengths.footer} bytes, more than the ${footerBytes} that are allowed`,
    })
  }
  return lengths
}

/**
 * The blocks of a pack of `size` bytes. Throws PackError: `forged` when the key or `context` does not fit, `corrupt`
 * when the footer does not fit the pack.
 */
export const decodeFooter = (
  { object, size }: { readonly object: string; readonly size: number },
  { context, headerBytes, tag }: {
    readonly headerBytes: number
    readonly context: Uint8Array
    readonly tag: Uint8Array
  },
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
  if (body + sealed.length + tag.length + TRAILER_BYTES !== size) {
    throw corrupt(`does not fit its size of ${size} bytes: it is truncated or altered`)
  }
  return blocks
}
