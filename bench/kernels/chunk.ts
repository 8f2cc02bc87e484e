import { wasmBuzhash } from "../../adapters/kernels/buzhash.ts"
import { wasmFastCdc } from "../../adapters/kernels/fastcdc.ts"
import { wasmRabin } from "../../adapters/kernels/rabin.ts"
import { ae } from "../../stages/chunk/ae.ts"
import { buzhash } from "../../stages/chunk/buzhash.ts"
import { fastcdc } from "../../stages/chunk/fastcdc.ts"
import { fixed } from "../../stages/chunk/fixed.ts"
import { rabin } from "../../stages/chunk/rabin.ts"
import { whole } from "../../stages/chunk/whole.ts"
import type { Chunker } from "../../stages/kernel/kernel.ts"
import { binary } from "../markdown.ts"
import { type Bench, made } from "./bench.ts"
import { noise } from "./content.ts"

const AVERAGES = [4096, 65_536, 1 << 20]

const cuts = (chunker: Chunker, content: Uint8Array): Array<number> => {
  const ends: Array<number> = []
  for (let at = 0; at < content.length;) ends.push(at = chunker.cut(content, at, content.length))
  return ends
}

/** Times chunkers over 32 MiB. */
export const chunk = (bench: Bench): void => {
  const content = noise(32 << 20)
  const specs = [
    ...AVERAGES.map((average) => [`fastcdc, average ${binary(average)}`, average, fastcdc({ average })] as const),
    ["rabin, average 1 MiB", 1 << 20, rabin()] as const,
    ["buzhash, average 1 MiB", 1 << 20, buzhash({ average: 1 << 20 })] as const,
    ["ae, average 1 MiB", 1 << 20, ae()] as const,
    ["fixed, 1 MiB", 1 << 20, fixed({ size: 1 << 20 })] as const,
    ["whole", 64 << 20, whole()] as const,
  ]
  const wasm = { "chunk:fastcdc": wasmFastCdc, "chunk:rabin": wasmRabin, "chunk:buzhash": wasmBuzhash }
  for (const [what, size, spec] of specs) {
    const kernels = made(spec, { WebAssembly: wasm })
    bench.same(what, kernels.map(({ kernel }) => new Uint8Array(Float64Array.from(cuts(kernel, content)).buffer)))
    for (const { name, kernel } of kernels) {
      bench.time(
        { panel: "chunk", what, implementation: name, size },
        () => cuts(kernel, content),
        content.length,
      )
    }
  }
}
