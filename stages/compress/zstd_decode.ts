/**
 * The portable zstd decoder: `fzstd`. It trusts sizes, so each frame is measured first. The optional checksum of a
 * frame is not verified, because stored content is authenticated or hashed elsewhere.
 */
import { decompress } from "fzstd"
import { overLimit } from "./errors.ts"
import { decodeFrames, readBlock, SIZED_FRAME, wrongSize, ZSTD_MAGIC, type ZstdFrame } from "./zstd_frame.ts"
import { FrameMeter } from "./zstd_measure.ts"

/** `fzstd` decodes no more bytes at once. */
const LARGEST = 2_145_386_496
const HEADER_BYTES = 9

/** Bytes of content. Throws KernelError `limit` when they are more than `limit`. */
const measure = (bytes: Uint8Array, frame: ZstdFrame, limit: number): number => {
  const { blocks, blocksEnd, contentSize, windowSize } = frame
  const meter = new FrameMeter(windowSize)
  let size = 0
  for (let at = blocks; at < blocksEnd; at += readBlock(bytes, at, windowSize).stored) {
    size += meter.measure(bytes, at)
    if (contentSize !== undefined && size > contentSize) throw wrongSize()
    if (size > limit) throw overLimit("zstd", limit)
  }
  return size
}

const decodeFrame = (bytes: Uint8Array, frame: ZstdFrame, limit: number): Uint8Array => {
  const size = measure(bytes, frame, Math.min(limit, LARGEST))
  const { blocks, blocksEnd } = frame
  const input = new Uint8Array(HEADER_BYTES + blocksEnd - blocks)
  // The header has the size of the content, so that `fzstd` decodes in place.
  const view = new DataView(input.buffer)
  view.setUint32(0, ZSTD_MAGIC, true)
  input[4] = SIZED_FRAME
  view.setUint32(5, size, true)
  input.set(bytes.subarray(blocks, blocksEnd), HEADER_BYTES)
  // Without a buffer for the output: fzstd 0.1.1 compares it with a number, so JavaScript writes all of it as text.
  return decompress(input)
}

/**
 * Decompresses one or more frames to at most `limit` bytes, in fresh memory. Forged frames do not make it use more
 * memory or time than their content needs. Throws KernelError `corrupt` or `limit`.
 */
export const zstdDecode = (bytes: Uint8Array, limit: number): Uint8Array =>
  decodeFrames(bytes, limit, (frame, rest) => decodeFrame(bytes, frame, rest))
