/**
 * Zstandard (RFC 8878). Portable: decodes, and encodes valid frames that are not compressed; `adapters/kernels`
 * compresses.
 */
import type { Compressor, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { levelOf } from "./errors.ts"
import { zstdDecode } from "./zstd_decode.ts"

/** Options of {@link zstd}. */
export interface ZstdOptions {
  /** -7 (fast) to 22 (small); 3 unless told; 0 means zstd's own default. The portable encoder knows no levels. */
  readonly level?: number
}

/** Params of the kernel. */
export interface ZstdParams {
  readonly level: number
}

const MAX_BLOCK = 128 << 10

/**
 * One frame with its content size, of blocks that are raw, or RLE where all bytes of a block are equal.
 * Reads by every zstd decoder; bytes are 3 per 128 KiB and up to 9 more than the content.
 */
const encode = (bytes: Uint8Array): Uint8Array => {
  const size = bytes.length
  const blocks = Math.max(1, Math.ceil(size / MAX_BLOCK))
  const out = new Uint8Array(9 + 3 * blocks + size)
  const view = new DataView(out.buffer)
  view.setUint32(0, 0xfd2fb528, true)
  out[4] = 0xa0 // content size in 4 bytes, single segment (no window descriptor), no checksum, no dictionary
  view.setUint32(5, size, true)
  let at = 9
  for (let i = 0; i < blocks; i++) {
    const block = bytes.subarray(i * MAX_BLOCK, (i + 1) * MAX_BLOCK)
    const rle = block.length > 1 && block.every((byte) => byte === block[0])
    const header = (i === blocks - 1 ? 1 : 0) | (rle ? 2 : 0) | (block.length << 3)
    out[at++] = header
    out[at++] = header >>> 8
    out[at++] = header >>> 16
    out.set(rle ? block.subarray(0, 1) : block, at)
    at += rle ? 1 : block.length
  }
  return out.subarray(0, at)
}

const make = (params: ZstdParams): Compressor => {
  levelOf("zstd", params.level, -7, 22)
  return trusted({ encode, decode: zstdDecode })
}

/**
 * Zstandard. The same version of zstd always gives the same bytes; versions and runtimes may differ.
 * Throws KernelError `unsupported` for a level out of range.
 */
export const zstd = (options: ZstdOptions = {}): KernelSpec<"compress"> => {
  const params = { level: options.level ?? 3 }
  make(params)
  return { stage: "compress", name: "zstd", params, make }
}
