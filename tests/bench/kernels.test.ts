import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { test } from "node:test"
import { ChunkCount, distribution } from "../../bench/kernels/chunk_sizes.ts"
import { kernelPlot } from "../../bench/kernels/plot.ts"
import { kernelMarkdown, type KernelResults, rowsOf } from "../../bench/kernels/results.ts"
import { fixed } from "../../stages/chunk/fixed.ts"
import { makeKernel } from "../../stages/kernel/kernel.ts"
import { run } from "./run_sample.ts"

const root = resolve(import.meta.dirname, "../..")
const files = (folder: string): Array<string> => readdirSync(join(root, folder)).filter((name) => name.endsWith(".ts"))

test("every kernel of the stages is measured", () => {
  const measured = files("bench/kernels").map((name) => readFileSync(join(root, "bench/kernels", name), "utf8")).join()
  const kernels = ["chunk", "hash", "compress", "encrypt"].flatMap((stage) =>
    files(`stages/${stage}`).map((name) => `stages/${stage}/${name}`)
      .filter((path) =>
        new RegExp(`stage: "${stage}"|^  nonceCipherSpec\\(`, "m").test(readFileSync(join(root, path), "utf8"))
      )
  )
  assert.ok(kernels.length > 12, String(kernels))
  // One only passes bytes on; the other makes the specs of ciphers.
  const wrappers = ["stages/chunk/extents.ts", "stages/encrypt/aead.ts"]
  assert.deepEqual(kernels.filter((path) => !measured.includes(`../../${path}`)), wrappers)
})

test("repeated chunks count once in the unique bytes, and each time in the sizes", () => {
  const count = new ChunkCount(makeKernel(fixed({ size: 4 })))
  count.add(Uint8Array.from([1, 2, 3, 4, 1, 2, 3, 4, 5]))
  assert.deepEqual([count.total, count.unique, count.sizes], [9, 5, [4, 4, 1]])
  const sizes = distribution([9, 10, 1, 2, 3, 4, 5, 6, 7, 8])
  assert.deepEqual(sizes, { count: 10, min: 1, p10: 2, median: 6, p90: 10, max: 10, mean: 6 })
})

const rate = (median: number) => ({ min: median / 2, median, max: median * 2 })
const results: KernelResults = {
  ...run,
  effort: { rounds: 1, ms: 1, entries: 100 },
  runtimes: [{ name: "node", version: "24" }, { name: "bun", version: "1" }],
  speeds: [
    {
      runtime: "node",
      panel: "hash",
      what: "a<b",
      implementation: "portable",
      size: 1 << 20,
      unit: "MB/s",
      rate: rate(50),
    },
    {
      runtime: "bun",
      panel: "hash",
      what: "a<b",
      implementation: "portable",
      size: 1 << 20,
      unit: "MB/s",
      rate: rate(500),
    },
    {
      runtime: "bun",
      panel: "hash",
      what: "a<b",
      implementation: "portable",
      size: 4096,
      unit: "MB/s",
      rate: rate(5e5),
    },
  ],
  absent: [{ runtime: "bun", what: "chacha" }],
  chunking: {
    seed: "1",
    scale: 1,
    found: [{
      corpus: "large",
      chunker: "fixed",
      total: 200,
      unique: 150,
      copy: 100,
      added: 50,
      sizes: distribution([10]),
    }],
  },
}

test("a row is one implementation at one size, on all runtimes", () => {
  const rows = rowsOf(results, "hash")
  assert.deepEqual(rows.map(({ size, speeds }) => [size, [...speeds.keys()]]), [[1 << 20, ["node", "bun"]], [4096, [
    "bun",
  ]]])
  const report = kernelMarkdown(results)
  assert.match(report, /\| a<b \| portable \| 1 MiB \| \*\*50\.0\*\* \(25\.0–100\) \| \*\*500\*\* \(250–1000\) \|/)
  assert.match(report, /\| a<b \| portable \| 4 KiB \| – \| > 100000 \|/)
  assert.match(report, /chacha \(bun\)/)
  assert.match(report, /\| fixed \| 0\.00 MB \| 50\.00 % \| 1\.33 \|/)
})

test("the picture has a dot for each runtime and escapes names", () => {
  const svg = kernelPlot(results)
  assert.equal(svg.match(/<circle/g)?.length, 2)
  assert.match(svg, /<title>a&lt;b · portable, bun: 500 MB\/s<\/title>/)
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/)
})
