/**
 * Portable zstd decoder: `fzstd` behind a reader of headers that enforces sizes, because `fzstd` trusts them.
 *
 * Not checked: the optional checksum of a frame (`fzstd` has no xxHash), and references to before the content, which read as zeros.
 * Not bounded: the time that one forged block may take, since `fzstd` writes past the end of its buffer (which has no effect)
 * instead of stopping. So authenticate before decompressing, as the pipelines here do.
 */
import { concat } from "effect/Bytes"
import { Decompress, decompress } from "fzstd"
import { corrupt, overLimit } from "./errors.ts"
import { decodeFrames, type ZstdFrame } from "./zstd_frame.ts"

/** Ends the content of a frame that is decoded, so that its length shows. */
const MARK = Uint8Array.of(0x9c, 0x1f, 0xe3, 0x52, 0x70, 0xb8, 0x05, 0xd6)

/** A header for `fzstd`: with the content size, or with a window as small as will do. */
const header = (windowSize: number, contentSize?: number): Uint8Array => {
  if (contentSize !== undefined) {
    const out = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0)
    new DataView(out.buffer).setUint32(5, contentSize, true)
    return out
  }
  let log = 10
  while (2 ** log < windowSize) log++
  return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3)
}

/** Content of a frame that states its size: decoded in place, with a raw block of MARK behind it that must come to lie at the end. */
const decodeSized = (bytes: Uint8Array, frame: ZstdFrame, size: number): Uint8Array => {
  const head = header(0, size + MARK.length)
  const body = bytes.subarray(frame.blocks, frame.blocksEnd)
  const input = new Uint8Array(head.length + body.length + 3 + MARK.length)
  input.set(head)
  input.set(body, head.length)
  input[head.length + frame.lastBlock - frame.blocks]! &= 0xfe
  input.set([1 | (MARK.length << 3), 0, 0], head.length + body.length)
  input.set(MARK, head.length + body.length + 3)
  // Not given a buffer: fzstd 0.1.1 compares it with a number, for which JavaScript writes all of it out as text.
  const out = decompress(input)
  if (!MARK.every((byte, i) => out[size + i] === byte)) throw corrupt("zstd", "the content has not the stated size")
  return out.subarray(0, size)
}

/** Content of a frame that does not state its size, block by block. */
const decodeUnsized = (bytes: Uint8Array, frame: ZstdFrame, limit: number): Uint8Array => {
  const parts: Array<Uint8Array> = []
  let total = 0
  const decoder = new Decompress((part) => {
    total += part.length
    if (total > limit) throw overLimit("zstd", limit)
    parts.push(part.slice())
  })
  // No reference reaches farther back than the content is long; a smaller window saves memory and copying.
  const head = header(Math.min(frame.windowSize, Math.max(frame.bound, 1024), Math.max(limit, 128 << 10)))
  const input = new Uint8Array(head.length + frame.blocksEnd - frame.blocks)
  input.set(head)
  input.set(bytes.subarray(frame.blocks, frame.blocksEnd), head.length)
  decoder.push(input, true)
  return parts.length === 1 ? parts[0]! : concat(parts)
}

/**
 * Decompresses one or more frames to at most `limit` bytes, in fresh memory. Allocates no more than the headers of the blocks make
 * possible. Throws KernelError `corrupt` or `limit`.
 */
export const zstdDecode = (bytes: Uint8Array, limit: number): Uint8Array =>
  decodeFrames(
    bytes,
    limit,
    (frame, rest) =>
      frame.contentSize === undefined
        ? decodeUnsized(bytes, frame, rest)
        : decodeSized(bytes, frame, frame.contentSize),
  )
