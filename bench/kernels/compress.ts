import { nativeKernels } from "../../adapters/kernels/native.ts"
import { adaptive } from "../../stages/compress/adaptive.ts"
import { gzip } from "../../stages/compress/gzip.ts"
import { noCompression } from "../../stages/compress/none.ts"
import { zstd } from "../../stages/compress/zstd.ts"
import type { KernelSpec } from "../../stages/kernel/kernel.ts"
import { binary } from "../markdown.ts"
import { type Bench, made } from "./bench.ts"
import { noise, text } from "./content.ts"

const SIZES = [65_536, 1 << 20]

/** The marked ones are also measured on noise and in the portable form. Portable encoders have no levels. */
const SPECS: ReadonlyArray<readonly [string, KernelSpec<"compress">, boolean]> = [
  ["zstd 1", zstd({ level: 1 }), false],
  ["zstd 3", zstd({ level: 3 }), true],
  ["zstd 9", zstd({ level: 9 }), false],
  ["zstd 19", zstd({ level: 19 }), false],
  ["adaptive zstd 3", adaptive(zstd({ level: 3 })), true],
  ["gzip 1", gzip({ level: 1 }), false],
  ["gzip 6", gzip({ level: 6 }), true],
  ["gzip 9", gzip({ level: 9 }), false],
  ["adaptive gzip 6", adaptive(gzip({ level: 6 })), true],
  ["none", noCompression, true],
]

/** Times compressors, in both directions. */
export const compress = (bench: Bench): void => {
  for (const [label, spec, whole] of SPECS) {
    const kernels = made(spec, { native: nativeKernels })
    for (const [kind, make] of [["text", text], ["noise", noise]] as const) {
      for (const size of SIZES) {
        const content = make(size)
        const what = `${label}, ${kind}`
        for (const { kernel: encoder } of kernels) {
          const encoded = encoder.encode(content)
          bench.same(`${what}, ${binary(size)}`, [
            content,
            ...kernels.map(({ kernel }) => kernel.decode(encoded, size)),
          ])
        }
        const encoded = kernels.at(-1)!.kernel.encode(content)
        for (const { name, kernel } of kernels) {
          if (!whole && (kind === "noise" || name === "portable")) continue
          const ratio = size / kernel.encode(content).length
          const implementation = name === "portable" && kernels.length > 1 ? "portable, which stores" : name
          bench.time({ panel: "compress", what, implementation, size, ratio }, () => kernel.encode(content))
          bench.time({ panel: "decompress", what, implementation: name, size }, () => kernel.decode(encoded, size))
        }
      }
    }
  }
}
