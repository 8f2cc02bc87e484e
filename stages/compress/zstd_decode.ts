/** Portable zstd decoder. The optional checksum of a frame is not verified: what is stored is authenticated or hashed elsewhere. */
import { corrupt, overLimit } from "./errors.ts"
import { BlockDecoder } from "./zstd_block.ts"
import { decodeFrames, readBlock, type ZstdFrame } from "./zstd_frame.ts"

const decodeFrame = (
  decoder: BlockDecoder,
  bytes: Uint8Array,
  { blocks, blocksEnd, contentSize, windowSize }: ZstdFrame,
  limit: number,
): Uint8Array => {
  decoder.begin(windowSize)
  let out = new Uint8Array(contentSize ?? 0)
  let length = 0
  for (let at = blocks; at < blocksEnd;) {
    const { stored } = readBlock(bytes, at, windowSize)
    const content = decoder.decode(bytes.subarray(at, at + stored))
    at += stored
    const end = length + content.length
    if (end > out.length) {
      if (contentSize !== undefined) throw corrupt("zstd", "the content has not the stated size")
      if (end > limit) throw overLimit("zstd", limit)
      const grown = new Uint8Array(Math.min(limit, Math.max(end, 2 * out.length)))
      grown.set(out.subarray(0, length))
      out = grown
    }
    out.set(content, length)
    length = end
  }
  return out.subarray(0, length)
}

/**
 * Decompresses one or more frames to at most `limit` bytes, in fresh memory. Allocates no more than twice what the content needs, and takes
 * no longer than that much content can. Throws KernelError `corrupt` or `limit`.
 */
export const zstdDecode = (bytes: Uint8Array, limit: number): Uint8Array => {
  const decoder = new BlockDecoder()
  return decodeFrames(bytes, limit, (frame, rest) => decodeFrame(decoder, bytes, frame, rest))
}
