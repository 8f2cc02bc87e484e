/**
 * Zstandard (RFC 8878). The portable kernel decodes, and encodes valid frames that are not compressed. The kernel of
 * `adapters/kernels` compresses.
 */
import type { Compressor, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { levelOf } from "./errors.ts"
import { zstdDecode } from "./zstd_decode.ts"
import { BLOCK_MAXIMUM, SIZED_FRAME, ZSTD_MAGIC } from "./zstd_frame.ts"

/** Options of {@link zstd}. */
export interface ZstdOptions {
  /** -7 (fastest) to 22 (smallest); 3 by default. 0 is the default of zstd. The portable encoder ignores it. */
  readonly level?: number
}

/** Params of the kernel. */
export interface ZstdParams {
  readonly level: number
}

/**
 * One frame with its content size. Blocks are raw, or RLE when all bytes of a block are equal. Every zstd decoder can
 * read it. It has up to 9 bytes more than the content, and 3 more for each 128 KiB.
 */
const encode = (bytes: Uint8Array): Uint8Array => {
  const size = bytes.length
  const blocks = Math.max(1, Math.ceil(size / BLOCK_MAXIMUM))
  const out = new Uint8Array(9 + 3 * blocks + size)
  const view = new DataView(out.buffer)
  view.setUint32(0, ZSTD_MAGIC, true)
  out[4] = SIZED_FRAME
  view.setUint32(5, size, true)
  let at = 9
  for (let i = 0; i < blocks; i++) {
    const block = bytes.subarray(i * BLOCK_MAXIMUM, (i + 1) * BLOCK_MAXIMUM)
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
 * Zstandard (RFC 8878). One version of zstd always gives the same bytes; versions and runtimes may differ. The portable
 * kernel only stores; provide `nativeKernels` to compress. Throws KernelError `unsupported` for a level out of range.
 *
 * @example Compress and decompress
 * ```ts
 * import assert from "node:assert"
 * import { makeKernel, zstd } from "@penstock/penstock"
 * import { nativeKernels } from "@penstock/penstock/adapters"
 *
 * const { encode, decode } = makeKernel(zstd({ level: 3 }), nativeKernels)
 * const bytes = new Uint8Array(100_000)
 * assert.ok(encode(bytes).length < 100)
 * // The second argument is the longest content to accept: longer content is an error.
 * assert.deepEqual(decode(encode(bytes), 100_000), bytes)
 * ```
 */
export const zstd = (options: ZstdOptions = {}): KernelSpec<"compress"> => {
  const params = { level: options.level ?? 3 }
  make(params)
  return { stage: "compress", name: "zstd", params, make }
}
