/**
 * zstd frames and blocks (RFC 8878, section 3.1): where they begin and end, and how long their content may be. Nothing
 * is decompressed.
 */
import { concat } from "effect/Bytes"
import { KernelError } from "../kernel/kernel.ts"
import { corrupt, overLimit } from "./errors.ts"

/** The first four bytes of a frame, little endian. */
export const ZSTD_MAGIC = 0xfd2fb528
/** Frames that decoders skip have any of 16 magic numbers: this one, and its last four bits. */
const SKIPPABLE_MAGIC = 0x184d2a50
const SKIPPABLE_MASK = 0xfffffff0
/** Descriptor of a frame with its content size in 4 bytes, a single segment, no checksum and no dictionary. */
export const SIZED_FRAME = 0xa0
/** The most bytes of content that a block has. */
export const BLOCK_MAXIMUM: number = 128 << 10

/** The error of content that does not have the size that its header states. */
export const wrongSize = (): KernelError => corrupt("zstd", "the content does not have the stated size")

/** A zstd frame in some bytes. */
export interface ZstdFrame {
  /** Offset of its magic number. */
  readonly start: number
  /** Offset of the first block header. */
  readonly blocks: number
  /** Offset of the header of the last block. */
  readonly lastBlock: number
  /** Offset of the first byte after the last block, before the checksum. */
  readonly blocksEnd: number
  /** Offset of the first byte after the frame. */
  readonly end: number
  /** Bytes of content, when the header states them. */
  readonly contentSize: number | undefined
  /** How far back the frame may refer, in bytes. */
  readonly windowSize: number
  /** The most bytes of content that the headers of its blocks allow. */
  readonly bound: number
}

const need = (bytes: Uint8Array, at: number, count: number): void => {
  if (at + count > bytes.length) throw corrupt("zstd", "it ends in the middle of a frame")
}

/** The header of a frame. */
export interface ZstdHeader {
  /** In bytes. */
  readonly length: number
  readonly contentSize: number | undefined
  readonly windowSize: number
  /** Whether 4 bytes of checksum come after the last block. */
  readonly checksum: boolean
}

/** Bytes of the longest header of a frame. */
export const HEADER_MAXIMUM = 18

/**
 * The header at `at`. Of a frame to skip, the number of bytes that follow its header of 8 bytes. Throws KernelError
 * `corrupt`.
 */
export const readHeader = (bytes: Uint8Array, at: number): ZstdHeader | number => {
  need(bytes, at, 5)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = view.getUint32(at, true)
  if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
    need(bytes, at, 8)
    return view.getUint32(at + 4, true)
  }
  if (magic !== ZSTD_MAGIC) throw corrupt("zstd", "a frame does not begin with the magic number")
  const flags = bytes[at + 4]!
  if (flags & 0x08) throw corrupt("zstd", "a reserved bit is set")
  if (flags & 3) throw corrupt("zstd", "it needs a dictionary")
  const single = (flags & 0x20) !== 0
  let pos = at + 5
  let windowSize = 0
  if (!single) {
    need(bytes, pos, 1)
    const descriptor = bytes[pos++]!
    const base = 2 ** (10 + (descriptor >> 3))
    windowSize = base + (base / 8) * (descriptor & 7)
  }
  let contentSize: number | undefined
  const sizeBytes = flags >> 6 === 0 ? (single ? 1 : 0) : 1 << (flags >> 6)
  need(bytes, pos, sizeBytes)
  if (sizeBytes === 1) contentSize = bytes[pos]!
  else if (sizeBytes === 2) contentSize = view.getUint16(pos, true) + 256
  else if (sizeBytes === 4) contentSize = view.getUint32(pos, true)
  else if (sizeBytes === 8) contentSize = view.getUint32(pos, true) + view.getUint32(pos + 4, true) * 2 ** 32
  if (single) windowSize = contentSize!
  return { length: pos + sizeBytes - at, contentSize, windowSize, checksum: (flags & 4) !== 0 }
}

/** The header of a block. */
export interface ZstdBlock {
  readonly last: boolean
  /** Bytes of the block, header included. */
  readonly stored: number
  /** The most bytes of content that the block may have. */
  readonly bound: number
}

/** Bytes of the header of a block. */
export const BLOCK_HEADER = 3

/** The header of the block at `at`. Its 3 bytes must be there. Throws KernelError `corrupt`. */
export const readBlock = (bytes: Uint8Array, at: number, windowSize: number): ZstdBlock => {
  const maximum = Math.min(windowSize, BLOCK_MAXIMUM)
  const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
  const type = (header >> 1) & 3
  const size = header >> 3
  if (type === 3 || size > maximum) throw corrupt("zstd", "a block header is not valid")
  return {
    last: (header & 1) === 1,
    stored: BLOCK_HEADER + (type === 1 ? 1 : size),
    bound: type === 2 ? maximum : size,
  }
}

/** The frame at `at`. Of a frame to skip, the offset behind it. Throws KernelError `corrupt`. */
export const readFrame = (bytes: Uint8Array, at: number): ZstdFrame | number => {
  const head = readHeader(bytes, at)
  if (typeof head === "number") {
    need(bytes, at + 8, head)
    return at + 8 + head
  }
  const { checksum, contentSize, windowSize } = head
  const blocks = at + head.length
  let pos = blocks
  let bound = 0
  for (;;) {
    need(bytes, pos, BLOCK_HEADER)
    const block = readBlock(bytes, pos, windowSize)
    need(bytes, pos, block.stored)
    bound += block.bound
    const lastBlock = pos
    pos += block.stored
    if (!block.last) continue
    const end = pos + (checksum ? 4 : 0)
    need(bytes, pos, end - pos)
    return { start: at, blocks, lastBlock, blocksEnd: pos, end, contentSize, windowSize, bound }
  }
}

/**
 * Decodes all frames in `bytes`, one after the other with `decodeFrame`, to at most `limit` bytes. It checks that no
 * frame is cut off, and that sizes are as stated and within the limit: decoders differ, and some accept a part of the
 * input as the whole. Throws KernelError `corrupt` or `limit`. Any other error of `decodeFrame` becomes `corrupt`.
 */
export const decodeFrames = (
  bytes: Uint8Array,
  limit: number,
  decodeFrame: (frame: ZstdFrame, limit: number) => Uint8Array,
): Uint8Array => {
  if (bytes.length === 0) throw corrupt("zstd", "it is empty")
  const parts: Array<Uint8Array> = []
  let total = 0
  for (let at = 0; at < bytes.length;) {
    const frame = readFrame(bytes, at)
    if (typeof frame === "number") {
      at = frame
      continue
    }
    const size = frame.contentSize
    if (size !== undefined && total + size > limit) throw overLimit("zstd", limit)
    if (size !== undefined && size > frame.bound) throw wrongSize()
    let part: Uint8Array
    try {
      part = decodeFrame(frame, limit - total)
    } catch (error) {
      throw error instanceof KernelError ? error : corrupt("zstd", "a block is damaged")
    }
    if (size !== undefined && part.length !== size) throw wrongSize()
    total += part.length
    if (total > limit) throw overLimit("zstd", limit)
    parts.push(part)
    at = frame.end
  }
  return parts.length === 1 ? parts[0]! : concat(parts)
}
