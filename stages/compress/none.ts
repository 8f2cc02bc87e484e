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

/** Leaves bytes as they are; the output is the input array itself. */
export const noCompression: KernelSpec<"compress"> = { stage: "compress", name: "none", params: {}, make }
