/** Compressors by `node:zlib`, which Node, Deno and Bun have. */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { corrupt, levelOf, overLimit } from "../../stages/compress/errors.ts"
import type { GzipParams } from "../../stages/compress/gzip.ts"
import type { ZstdParams } from "../../stages/compress/zstd.ts"
import type { Compressor } from "../../stages/kernel.ts"

/** The same bytes, not as a Buffer. */
const plain = (buffer: Uint8Array): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)

/** Decodes with a cap on the output; the runtimes refuse a cap of 0 and say "too large" in their own ways. */
const limited = (
  kernel: string,
  decode: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array,
): Compressor["decode"] =>
(bytes, limit) => {
  if (bytes.length === 0) throw corrupt(kernel, "there is none")
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

/** Zstandard in C. */
export const nativeZstd = (params: ZstdParams): Compressor => {
  const level = levelOf("zstd", params.level, -7, 22)
  return {
    encode: (bytes) => plain(zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } })),
    decode: limited("zstd", zstdDecompressSync),
  }
}

/** gzip in C. */
export const nativeGzip = (params: GzipParams): Compressor => {
  const level = levelOf("gzip", params.level, 0, 9)
  return { encode: (bytes) => plain(gzipSync(bytes, { level })), decode: limited("gzip", gunzipSync) }
}
