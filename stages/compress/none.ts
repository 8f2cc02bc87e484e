/** No compression. */
import type { Compressor, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { overLimit } from "./errors.ts"

const make = (): Compressor =>
  trusted({
    encode: (bytes) => bytes,
    decode: (bytes, limit) => {
      if (bytes.length > limit) throw overLimit("none", limit)
      return bytes
    },
  })

/**
 * Leaves bytes as they are. The output is the input array itself.
 *
 * @example Store blocks uncompressed, with the choice in one place
 * ```ts
 * import assert from "node:assert"
 * import { makeKernel, noCompression, zstd } from "@penstock/penstock"
 *
 * const compressed = false
 * const kernel = makeKernel(compressed ? zstd() : noCompression)
 * const bytes = new Uint8Array(10)
 * assert.equal(kernel.encode(bytes), bytes)
 * ```
 */
export const noCompression: KernelSpec<"compress"> = { stage: "compress", name: "none", params: {}, make }
