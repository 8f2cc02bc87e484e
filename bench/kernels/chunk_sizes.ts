/** How chunkers cut content and an edited copy of it: how much of the copy is new, and how long chunks are. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { nativeKernels } from "../../adapters/kernels/native.ts"
import { ae } from "../../stages/chunk/ae.ts"
import { buzhash } from "../../stages/chunk/buzhash.ts"
import { fastcdc } from "../../stages/chunk/fastcdc.ts"
import { fixed } from "../../stages/chunk/fixed.ts"
import { rabin } from "../../stages/chunk/rabin.ts"
import { whole } from "../../stages/chunk/whole.ts"
import { type Chunker, makeKernel } from "../../stages/kernel/kernel.ts"
import { edit, makeCorpus, regularFiles } from "../corpora.ts"
import { binary } from "../markdown.ts"

/** The result of one chunker on one corpus. Sizes are in bytes. */
export interface ChunkSizes {
  readonly corpus: string
  readonly chunker: string
  /** Size of the corpus and its edited copy. */
  readonly total: number
  /** Size of both if each chunk is kept once. */
  readonly unique: number
  /** Size of the edited copy. */
  readonly copy: number
  /** Size of its chunks that the corpus does not have. */
  readonly added: number
  /** Chunks of the corpus, repeated ones included. */
  readonly sizes: {
    readonly count: number
    readonly min: number
    readonly p10: number
    readonly median: number
    readonly p90: number
    readonly max: number
    readonly mean: number
  }
}

const CHUNKERS: ReadonlyArray<readonly [string, () => Chunker]> = [
  ...[16 << 10, 64 << 10, 256 << 10, 1 << 20].flatMap((size) => [
    [`fastcdc, average ${binary(size)}`, () => makeKernel(fastcdc({ average: size }), nativeKernels)] as const,
    [`rabin, average ${binary(size)}`, () => makeKernel(rabin({ average: size }), nativeKernels)] as const,
    [`buzhash, average ${binary(size)}`, () => makeKernel(buzhash({ average: size }), nativeKernels)] as const,
    [`ae, average ${binary(size)}`, () => makeKernel(ae({ average: size }))] as const,
    [`fixed, ${binary(size)}`, () => makeKernel(fixed({ size }))] as const,
  ]),
  ["whole", () => makeKernel(whole())],
]

/** Cuts files into chunks and counts these. */
export class ChunkCount {
  readonly #chunker: Chunker
  readonly #seen = new Set<string>()
  readonly sizes: Array<number> = []
  total = 0
  unique = 0

  constructor(chunker: Chunker) {
    this.#chunker = chunker
  }

  add(content: Uint8Array): void {
    for (let at = 0; at < content.length;) {
      const end = this.#chunker.cut(content, at, content.length)
      const id = createHash("sha256").update(content.subarray(at, end)).digest("base64")
      if (!this.#seen.has(id)) {
        this.#seen.add(id)
        this.unique += end - at
      }
      this.sizes.push(end - at)
      this.total += end - at
      at = end
    }
  }
}

/** The number, extremes, percentiles and mean of sizes. */
export const distribution = (values: ReadonlyArray<number>): ChunkSizes["sizes"] => {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  const mean = sorted.length === 0 ? 0 : Math.round(sorted.reduce((sum, size) => sum + size, 0) / sorted.length)
  return { count: sorted.length, min: at(0), p10: at(0.1), median: at(0.5), p90: at(0.9), max: at(1), mean }
}

const sizesOf = (
  corpus: string,
  count: ReadonlyMap<string, ChunkCount>,
  original: () => Iterable<Uint8Array>,
  copy: () => Iterable<Uint8Array>,
): Array<ChunkSizes> => {
  for (const content of original()) for (const one of count.values()) one.add(content)
  const before = new Map(
    [...count].map(([name, { sizes, total, unique }]) => [name, { sizes: [...sizes], total, unique }]),
  )
  for (const content of copy()) for (const one of count.values()) one.add(content)
  return [...count].map(([chunker, { total, unique }]) => {
    const first = before.get(chunker)!
    const sizes = distribution(first.sizes)
    return { corpus, chunker, total, unique, copy: total - first.total, added: unique - first.unique, sizes }
  })
}

/** Runs all chunkers on `large`, whose edited copy is part of it, and on `small` before and after an edit. */
export const chunkSizes = (scratch: string, seed: string, scale: number): Array<ChunkSizes> => {
  const counts = (): Map<string, ChunkCount> => new Map(CHUNKERS.map(([name, make]) => [name, new ChunkCount(make())]))
  const [large, small] = [join(scratch, "large"), join(scratch, "small")]
  makeCorpus("large", large, { seed, scale })
  makeCorpus("small", small, { seed, scale })
  const content = function* (folder: string): Iterable<Uint8Array> {
    for (const { path } of regularFiles(folder)) yield readFileSync(path)
  }
  return [
    ...sizesOf(
      "large",
      counts(),
      () => [readFileSync(join(large, "image.bin"))],
      () => [readFileSync(join(large, "image-edited.bin"))],
    ),
    ...sizesOf("small", counts(), () => content(small), () => {
      edit(small, seed)
      return content(small)
    }),
  ]
}
