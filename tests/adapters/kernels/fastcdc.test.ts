import assert from "node:assert/strict"
import { test } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { Redacted } from "effect"
import fc from "fast-check"
import { wasmFastCdc } from "../../../adapters/kernels/fastcdc.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { fastcdc, type FastCdcOptions } from "../../../stages/chunk/fastcdc.ts"
import { type Chunker, makeKernel } from "../../../stages/kernel/kernel.ts"
import { chunkerSuite, cutsOf } from "../../suites/kernels.ts"
import { noise, prose } from "../../suites/noise.ts"
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

const { make, params } = fastcdc()
const ofCode = ({ cut }: Chunker): string => cut.toString()
/** Whether the accelerator returns the portable chunker. Asks the accelerator itself, not the checked kernel. */
const isPortable = (): boolean =>
  ofCode(nativeKernels["chunk:fastcdc"]!(params as never) as Chunker) === ofCode(make(params as never) as Chunker)

test("nativeKernels have it, and the portable chunker where WebAssembly is missing", () => {
  assert.ok(!isPortable())
  const present = globalThis.WebAssembly
  try {
    Reflect.set(globalThis, "WebAssembly", undefined)
    assert.ok(isPortable())
  } finally {
    Reflect.set(globalThis, "WebAssembly", present)
  }
  assert.ok(!isPortable())
})

test("fastcdc by WebAssembly cuts where an independent implementation of its definition cuts", () => {
  for (const { length, minimum, average, maximum, seed, cuts } of vectors.cases) {
    const content = blake3(new TextEncoder().encode("penstock"), { dkLen: length })
    const key = Redacted.make(new Uint8Array(Buffer.from(seed, "hex")))
    const chunker = makeKernel(fastcdc({ minimum, average, maximum, seed: key }), table)
    assert.deepEqual(cutsOf(chunker, content).slice(0, cuts.length), cuts)
  }
})

const options: fc.Arbitrary<FastCdcOptions> = fc.record({
  average: fc.oneof(fc.integer({ min: 256, max: 3000 }), fc.integer({ min: 256, max: 100_000 }), fc.constant(256)),
  low: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1)),
  high: fc.oneof(fc.double({ min: 1, max: 6, noNaN: true }), fc.constant(1)),
  seed: fc.oneof(fc.constant(new Uint8Array(32)), fc.uint8Array({ minLength: 32, maxLength: 32 })),
}).map(({ average, low, high, seed }) => ({
  average,
  minimum: Math.max(64, Math.floor(average * low)),
  maximum: Math.floor(average * high),
  seed,
}))

/** Content of five kinds: random, compressible, one byte, a repeated pattern, and runs of one byte between noise. */
const content = (kind: number, length: number, seed: number): Uint8Array => {
  if (kind === 0) return noise(length, seed)
  if (kind === 1) return prose(length, seed)
  if (kind === 2) return new Uint8Array(length).fill(seed % 3 === 0 ? 0 : seed % 3 === 1 ? 0xff : seed)
  const out = noise(length, seed)
  if (kind === 3) return out.map((_, i) => out[i % (1 + seed % 200)]!)
  return out.map((byte, i) => (i >> 9) % 3 === 0 ? byte : seed)
}

test("fastcdc by WebAssembly cuts like the portable chunker, for any options, content and place", () => {
  fc.assert(
    fc.property(
      options,
      fc.nat(4),
      fc.oneof(fc.nat(3000), fc.nat(150_000)),
      fc.nat(255),
      fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 5 }),
      (options, kind, length, seed, places) => {
        const bytes = content(kind, length, seed)
        const wasm = makeKernel(fastcdc(options), table)
        const portable = makeKernel(fastcdc(options))
        assert.equal(wasm.maximum, portable.maximum)
        assert.deepEqual(cutsOf(wasm, bytes), cutsOf(portable, bytes))
        for (const [a, b] of places) {
          if (length === 0) continue
          const from = a % length
          const to = from + 1 + b % (length - from)
          assert.equal(wasm.cut(bytes, from, to), portable.cut(bytes, from, to), `${from} to ${to}`)
        }
      },
    ),
    { numRuns: 300 },
  )
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
