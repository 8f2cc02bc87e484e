/**
 * Portable zstd decoder: `fzstd` behind a reader of sizes, because `fzstd` trusts them. The optional checksum of a
 * frame is not verified: what is stored is authenticated or hashed elsewhere.
 */
import { decompress } from "fzstd"
import { corrupt, overLimit } from "./errors.ts"
import { decodeFrames, readBlock, type ZstdFrame } from "./zstd_frame.ts"
import { FrameMeter } from "./zstd_measure.ts"

/** `fzstd` decodes no more at once. */
const LARGEST = 2_145_386_496
const HEADER_BYTES = 9

/** Bytes of content, at most `limit`. */
const measure = (bytes: Uint8Array, frame: ZstdFrame, limit: number): number => {
  const { blocks, blocksEnd, contentSize, windowSize } = frame
  const meter = new FrameMeter(windowSize)
  let size = 0
  for (let at = blocks; at < blocksEnd; at += readBlock(bytes, at, windowSize).stored) {
    size += meter.measure(bytes, at)
    if (contentSize !== undefined && size > contentSize) throw corrupt("zstd", "the content has not the stated size")
    if (size > limit) throw overLimit("zstd", limit)
  }
  return size
}

const decodeFrame = (bytes: Uint8Array, frame: ZstdFrame, limit: number): Uint8Array => {
  const size = measure(bytes, frame, Math.min(limit, LARGEST))
  const { blocks, blocksEnd } = frame
  const input = new Uint8Array(HEADER_BYTES + blocksEnd - blocks)
  // A header with the size of the content, which lets `fzstd` decode in place.
  input.set([0x28, 0xb5, 0x2f, 0xfd, 0xa0])
  new DataView(input.buffer).setUint32(5, size, true)
  input.set(bytes.subarray(blocks, blocksEnd), HEADER_BYTES)
  // Not given a buffer: fzstd 0.1.1 compares it with a number, for which JavaScript writes all of it out as text.
  return decompress(input)
}

/**
 * Decompresses one or more frames to at most `limit` bytes, in fresh memory. Allocates no more than the content needs,
 * and takes no longer than that much content can. Throws KernelError `corrupt` or `limit`.
 */
export const zstdDecode = (bytes: Uint8Array, limit: number): Uint8Array =>
  decodeFrames(bytes, limit, (frame, rest) => decodeFrame(bytes, frame, rest))
