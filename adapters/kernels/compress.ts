/** Compressors by `node:zlib`, which Node, Deno and Bun have. */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { corrupt, levelOf, overLimit } from "../../stages/compress/errors.ts"
import type { GzipParams } from "../../stages/compress/gzip.ts"
import type { ZstdParams } from "../../stages/compress/zstd.ts"
import { decodeFrames } from "../../stages/compress/zstd_frame.ts"
import type { Compressor } from "../../stages/kernel/kernel.ts"
import { release } from "../../stages/memory/release.ts"
import { trusted } from "../../stages/kernel/trusted.ts"

/** Output buffers from this size on belong to one output alone: smaller ones come from a pool that others use. */
const LARGE_BYTES = 256 << 10

/** The same bytes, not as a Buffer. */
const plain = (buffer: Uint8Array): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)

/**
 * The same bytes in memory that has no room left: the runtimes give what remains of the buffer for the output with it.
 */
const compact = (buffer: Uint8Array): Uint8Array => {
  const bytes = plain(buffer)
  if (bytes.length === bytes.buffer.byteLength || bytes.buffer.byteLength < LARGE_BYTES) return bytes
  const out = bytes.slice()
  release(new Uint8Array(bytes.buffer))
  return out
}

/** The longest output of zstd for so many bytes, and never less than the runtimes want. */
const bound = (size: number): number => size + (size >>> 8) + 512

/**
 * What the runtimes put pieces of output in: its smallest size, their own one, and the largest that is asked for at
 * once.
 */
const PIECE = { smallest: 64, default: 16 << 10, largest: 8 << 20 } as const

/**
 * Decodes with a cap on the output: the runtimes refuse a cap of 0. When the size of the output is stated, all of it is
 * one piece: zstd then decodes straight into it, twice as fast.
 */
const capped = (
  kernel: string,
  decode: (bytes: Uint8Array, options: { maxOutputLength: number; chunkSize: number }) => Uint8Array,
  bytes: Uint8Array,
  limit: number,
  stated: number = PIECE.default,
): Uint8Array => {
  let out: Uint8Array
  try {
    const chunkSize = Math.min(Math.max(PIECE.smallest, stated), PIECE.largest)
    out = plain(decode(bytes, { maxOutputLength: Math.max(1, limit), chunkSize }))
  } catch (cause) {
    const error = cause as { readonly code?: unknown; readonly message?: unknown }
    if (error.code === "ERR_BUFFER_TOO_LARGE") throw overLimit(kernel, limit)
    throw corrupt(kernel, String(error.message))
  }
  if (out.length > limit) throw overLimit(kernel, limit)
  return out
}

/**
 * Adds the content size to the header of a frame that has none (Deno's have none), for decoders that then need less
 * memory.
 */
const sized = (frame: Uint8Array, size: number): Uint8Array => {
  if ((frame[4]! & 0xe0) !== 0 || size >= 2 ** 32) return frame
  const out = new Uint8Array(frame.length + 4)
  out.set(frame.subarray(0, 6))
  out[4]! |= 0x80
  new DataView(out.buffer).setUint32(6, size, true)
  out.set(frame.subarray(6), 10)
  return out
}

/**
 * Zstandard in C. Frames are handed over one by one: Node decodes the first of several only, and Bun and Deno take a
 * frame that is cut off for a whole one.
 */
export const nativeZstd = (params: ZstdParams): Compressor => {
  const level = levelOf("zstd", params.level, -7, 22)
  const settings = { [constants.ZSTD_c_compressionLevel]: level }
  return trusted<Compressor>({
    encode: (bytes) => {
      // Room for all of the output spares a copy within zstd, and the size spares it tables and windows for more.
      const options = { params: settings, chunkSize: bound(bytes.length), pledgedSrcSize: bytes.length }
      return sized(compact(zstdCompressSync(bytes, options)), bytes.length)
    },
    decode: (bytes, limit) =>
      decodeFrames(
        bytes,
        limit,
        (frame, rest) =>
          capped("zstd", zstdDecompressSync, bytes.subarray(frame.start, frame.end), rest, frame.contentSize),
      ),
  })
}

/** gzip in C. */
export const nativeGzip = (params: GzipParams): Compressor => {
  const level = levelOf("gzip", params.level, 0, 9)
  return trusted<Compressor>({
    encode: (bytes) => plain(gzipSync(bytes, { level })),
    decode: (bytes, limit) => capped("gzip", gunzipSync, bytes, limit),
  })
}
