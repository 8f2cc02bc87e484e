import assert from "node:assert/strict"
import { test } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { Redacted } from "effect"
import { wasmFastCdc } from "../../../adapters/kernels/fastcdc.ts"
import { fastcdc } from "../../../stages/chunk/fastcdc.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"
import { chunkerSuite, cutsOf } from "../../suites/kernels.ts"
import { noise } from "../../suites/noise.ts"
import vectors from "../../vectors/fastcdc.json" with { type: "json" }

const table = { "chunk:fastcdc": wasmFastCdc }

chunkerSuite("fastcdc by WebAssembly, tiny", fastcdc({ average: 256 }), table, 64)
chunkerSuite("fastcdc by WebAssembly", fastcdc({ average: 2048 }), table, 512)
chunkerSuite("fastcdc by WebAssembly, beyond its window", fastcdc({ average: 60_000, maximum: 200_000 }), table, 15_000)
chunkerSuite(
  "fastcdc by WebAssembly, equal bounds",
  fastcdc({ minimum: 1000, average: 1000, maximum: 1000 }),
  table,
  1000,
)

test("fastcdc by WebAssembly cuts where an independent implementation of its definition cuts", () => {
  for (const { length, minimum, average, maximum, seed, cuts } of vectors.cases) {
    const content = blake3(new TextEncoder().encode("penstock"), { dkLen: length })
    const key = Redacted.make(new Uint8Array(Buffer.from(seed, "hex")))
    const chunker = makeKernel(fastcdc({ minimum, average, maximum, seed: key }), table)
    assert.deepEqual(cutsOf(chunker, content).slice(0, cuts.length), cuts)
  }
})

test("fastcdc by WebAssembly cuts right at every length around its minimum, average, maximum and window", () => {
  const cases = [{ minimum: 64, average: 256, maximum: 300 }, { minimum: 40_000, average: 80_000, maximum: 120_000 }]
  for (const bounds of cases) {
    const wasm = makeKernel(fastcdc(bounds), table)
    const portable = makeKernel(fastcdc(bounds))
    // Runs of most bytes have no candidate, so the scan goes to the end.
    const run = new Uint8Array(bounds.maximum + 100).fill(255)
    assert.equal(portable.cut(run, 0, run.length), bounds.maximum)
    for (const bytes of [run, noise(bounds.maximum + 100)]) {
      for (const near of [bounds.minimum, bounds.average, bounds.maximum, bounds.minimum - 64 + 32_768]) {
        for (let to = Math.max(1, near - 70); to <= Math.min(bytes.length, near + 70); to++) {
          assert.equal(wasm.cut(bytes, 0, to), portable.cut(bytes, 0, to), `${to} of ${bytes.length} bytes`)
        }
      }
    }
  }
})

test("chunkers do not disturb each other", () => {
  const bytes = noise(300_000)
  const all = [1, 2, 3].map((n) => ({ average: 1024 * n, seed: new Uint8Array(32).fill(n) }))
  const wasm = all.map((options) => makeKernel(fastcdc(options), table))
  const expected = all.map((options) => cutsOf(makeKernel(fastcdc(options)), bytes))
  const cuts: Array<Array<number>> = [[], [], []]
  for (let round = 0; round < 70; round++) {
    wasm.forEach((chunker, i) => cuts[i]!.push(chunker.cut(bytes, cuts[i]!.at(-1) ?? 0, bytes.length)))
  }
  assert.deepEqual(cuts, expected.map((all) => all.slice(0, 70)))
})
