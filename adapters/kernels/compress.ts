/** Compressors by `node:zlib`, which Node, Deno and Bun have. */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { corrupt, levelOf, overLimit } from "../../stages/compress/errors.ts"
import type { GzipParams } from "../../stages/compress/gzip.ts"
import type { ZstdParams } from "../../stages/compress/zstd.ts"
import { decodeFrames } from "../../stages/compress/zstd_frame.ts"
import type { Compressor } from "../../stages/kernel/kernel.ts"
import { release } from "../../stages/memory/release.ts"
import { trusted } from "../../stages/kernel/trusted.ts"

/** A buffer of this size holds one output only. Smaller ones come from a pool that other outputs share. */
const LARGE_BYTES = 256 << 10

/** The same bytes and memory, not as a Buffer. */
const plain = (buffer: Uint8Array): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)

/** The same bytes in memory without spare room: the runtimes return the whole buffer that they made for the output. */
const compact = (buffer: Uint8Array): Uint8Array => {
  const bytes = plain(buffer)
  if (bytes.length === bytes.buffer.byteLength || bytes.buffer.byteLength < LARGE_BYTES) return bytes
  const out = bytes.slice()
  release(new Uint8Array(bytes.buffer))
  return out
}

/** The longest output of zstd for this many bytes, and no less than the runtimes accept. */
const bound = (size: number): number => size + (size >>> 8) + 512

/**
 * Sizes of the buffer for a piece of output: the smallest that runtimes accept, their default, and the largest here.
 */
const PIECE = { smallest: 64, default: 16 << 10, largest: 8 << 20 } as const

/**
 * Decodes with a limit on the output. When the size of the output is `stated`, all of it is one piece: zstd then
 * decodes straight into it, which is twice as fast.
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
    // The runtimes refuse a limit of 0.
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
 * Adds the content size to the header of a frame that has none, as frames made on Deno. Decoders then need less memory.
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
 * Kernel of `zstd`, in C. Decodes one frame after the other: of several frames, Node decodes only the first, and Bun
 * and Deno take a frame that is cut off for a whole one.
 */
export const nativeZstd = (params: ZstdParams): Compressor => {
  const level = levelOf("zstd", params.level, -7, 22)
  const settings = { [constants.ZSTD_c_compressionLevel]: level }
  return trusted<Compressor>({
    encode: (bytes) => {
      // With room for all of the output, zstd does not copy it; with the size, its tables are no larger than needed.
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

/** Kernel of `gzip`, in C. */
export const nativeGzip = (params: GzipParams): Compressor => {
  const level = levelOf("gzip", params.level, 0, 9)
  return trusted<Compressor>({
    encode: (bytes) => plain(gzipSync(bytes, { level })),
    decode: (bytes, limit) => capped("gzip", gunzipSync, bytes, limit),
  })
}
