/** Compressors by `node:zlib`, which Node, Deno and Bun have. */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { corrupt, levelOf, overLimit } from "../../stages/compress/errors.ts"
import type { GzipParams } from "../../stages/compress/gzip.ts"
import type { ZstdParams } from "../../stages/compress/zstd.ts"
import { decodeFrames } from "../../stages/compress/zstd_frame.ts"
import type { Compressor } from "../../stages/kernel.ts"

/** The same bytes, not as a Buffer. */
const plain = (buffer: Uint8Array): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)

/** Decodes with a cap on the output: the runtimes refuse a cap of 0. */
const capped = (
  kernel: string,
  decode: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array,
  bytes: Uint8Array,
  limit: number,
): Uint8Array => {
  let out: Uint8Array
  try {
    out = plain(decode(bytes, { maxOutputLength: Math.max(1, limit) }))
  } catch (cause) {
    const error = cause as { readonly code?: unknown; readonly message?: unknown }
    if (error.code === "ERR_BUFFER_TOO_LARGE") throw overLimit(kernel, limit)
    throw corrupt(kernel, String(error.message))
  }
  if (out.length > limit) throw overLimit(kernel, limit)
  return out
}

/** Adds the content size to the header of a frame that has none (Deno's have none), for decoders that then need less memory. */
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
 * Zstandard in C. Frames are handed over one by one: Node decodes the first of several only, and Bun and Deno take a frame that is
 * cut off for a whole one.
 */
export const nativeZstd = (params: ZstdParams): Compressor => {
  const level = levelOf("zstd", params.level, -7, 22)
  const options = { params: { [constants.ZSTD_c_compressionLevel]: level } }
  return {
    encode: (bytes) => sized(plain(zstdCompressSync(bytes, options)), bytes.length),
    decode: (bytes, limit) =>
      decodeFrames(
        bytes,
        limit,
        (frame, rest) => capped("zstd", zstdDecompressSync, bytes.subarray(frame.start, frame.end), rest),
      ),
  }
}

/** gzip in C. */
export const nativeGzip = (params: GzipParams): Compressor => {
  const level = levelOf("gzip", params.level, 0, 9)
  return {
    encode: (bytes) => plain(gzipSync(bytes, { level })),
    decode: (bytes, limit) => capped("gzip", gunzipSync, bytes, limit),
  }
}
