/** All chunkers of WebAssembly cut where the portable ones cut, and those of others where they cut. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { Redacted } from "effect"
import fc from "fast-check"
import { wasmBuzhash } from "../../../adapters/kernels/buzhash.ts"
import { BUZHASH_WASM } from "../../../adapters/kernels/buzhash_wasm.ts"
import { FASTCDC_WASM } from "../../../adapters/kernels/fastcdc_wasm.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { wasmFastCdc } from "../../../adapters/kernels/fastcdc.ts"
import { wasmRabin } from "../../../adapters/kernels/rabin.ts"
import { RABIN_WASM } from "../../../adapters/kernels/rabin_wasm.ts"
import { buzhash } from "../../../stages/chunk/buzhash.ts"
import { fastcdc, type FastCdcOptions } from "../../../stages/chunk/fastcdc.ts"
import { rabin } from "../../../stages/chunk/rabin.ts"
import { type Chunker, type KernelSpec, makeKernel } from "../../../stages/kernel/kernel.ts"
import { skipIf } from "../../skip.ts"
import { chunkerSuite, cutsOf } from "../../suites/kernels.ts"
import { noise, prose } from "../../suites/noise.ts"
import buzhashVectors from "../../vectors/buzhash.json" with { type: "json" }
import rabinVectors from "../../vectors/rabin.json" with { type: "json" }

const table = { "chunk:fastcdc": wasmFastCdc, "chunk:rabin": wasmRabin, "chunk:buzhash": wasmBuzhash }

chunkerSuite("rabin by WebAssembly", rabin({ minimum: 64, average: 512, maximum: 5000 }), table, 64)
chunkerSuite("buzhash by WebAssembly", buzhash({ minimum: 1, average: 512, maximum: 5000, window: 127 }), table, 1)

const contentOf = ({ content, length }: { readonly content: string; readonly length: number }): Uint8Array =>
  content === "zeros" ? new Uint8Array(length) : blake3(new TextEncoder().encode("penstock"), { dkLen: length })

test("rabin by WebAssembly cuts where restic's chunker cuts", () => {
  for (const one of rabinVectors.cases) {
    const { bits, cuts, maximum, minimum, polynomial } = one
    const chunker = wasmRabin({ minimum, average: 2 ** bits, maximum, polynomial: Redacted.make(polynomial) })
    assert.deepEqual(cutsOf(chunker, contentOf(one)).slice(0, 120), cuts)
  }
})

test("buzhash by WebAssembly cuts where BorgBackup cuts", () => {
  for (const one of buzhashVectors.cases) {
    const { average, cuts, maximum, minimum, seed, window } = one
    const chunker = wasmBuzhash({ minimum, average, maximum, window, seed: Redacted.make(seed) })
    assert.deepEqual(cutsOf(chunker, contentOf(one)).slice(0, 120), cuts)
  }
})

const fastCdcOptions: fc.Arbitrary<FastCdcOptions> = fc.record({
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

const bounds = fc.record({ low: fc.nat(3000), high: fc.oneof(fc.nat(3000), fc.nat(400_000)), bits: fc.nat(10) })
const spec: fc.Arbitrary<KernelSpec<"chunk">> = fc.oneof(
  fastCdcOptions.map(fastcdc),
  bounds.map(({ bits, high, low }) => rabin({ minimum: 64 + low, average: 2 ** (8 + bits), maximum: 64 + low + high })),
  fc.tuple(bounds, fc.oneof(fc.nat(200), fc.nat(32_767))).map(([{ bits, high, low }, half]) => {
    const window = 2 * half + 1
    return buzhash({ minimum: 1 + low, average: 2 ** (4 + bits), maximum: 2 + low + window + high, window, seed: low })
  }),
)

/** Content of five kinds: random, compressible, one byte, a repeated pattern, and runs of one byte between noise. */
const content = (kind: number, length: number, seed: number): Uint8Array => {
  if (kind === 0) return noise(length, seed)
  if (kind === 1) return prose(length, seed)
  if (kind === 2) return new Uint8Array(length).fill(seed % 3 === 0 ? 0 : seed % 3 === 1 ? 0xff : seed)
  const out = noise(length, seed)
  if (kind === 3) return out.map((_, i) => out[i % (1 + seed % 200)]!)
  return out.map((byte, i) => (i >> 9) % 3 === 0 ? byte : seed)
}

test("chunkers by WebAssembly cut like the portable ones, for any options, content and place", () => {
  fc.assert(
    fc.property(
      spec,
      fc.nat(4),
      fc.oneof(fc.nat(3000), fc.nat(150_000), fc.nat(400_000)),
      fc.nat(255),
      fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 5 }),
      (spec, kind, length, seed, places) => {
        const bytes = content(kind, length, seed)
        const wasm = makeKernel(spec, table)
        const portable = makeKernel(spec)
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
    { numRuns: 150 },
  )
})

test("cuts are right at every length around a part of what WebAssembly looks at in one call", () => {
  const specs = [
    [rabin({ minimum: 64, average: 1 << 26, maximum: 200_000 }), [64, 64 + 32_768, 64 + 65_536]],
    [buzhash({ minimum: 10, average: 1 << 26, maximum: 200_000, window: 1023 }), [1033, 10 + 1023 + 131_072]],
  ] as const
  const bytes = noise(210_000)
  for (const [spec, lengths] of specs) {
    const [wasm, portable] = [makeKernel(spec, table), makeKernel(spec)]
    for (const near of lengths) {
      for (let to = near - 3; to <= near + 3; to++) {
        assert.equal(wasm.cut(bytes, 0, to), portable.cut(bytes, 0, to), `${spec.name}, ${to} bytes`)
      }
    }
  }
})

const ofCode = ({ cut }: Chunker): string => cut.toString()
test("nativeKernels have them, and the portable chunkers where WebAssembly is missing", () => {
  for (const { make, name, params } of [fastcdc(), rabin(), buzhash()]) {
    const isPortable = (): boolean =>
      ofCode(nativeKernels[`chunk:${name}`]!(params as never) as Chunker) === ofCode(make(params as never) as Chunker)
    assert.ok(!isPortable())
    const present = globalThis.WebAssembly
    try {
      Reflect.set(globalThis, "WebAssembly", undefined)
      assert.ok(isPortable())
    } finally {
      Reflect.set(globalThis, "WebAssembly", present)
    }
  }
})

test("options that a catalog gets wrong are refused, here as by the portable chunkers, and no secret is told", () => {
  const wrong: ReadonlyArray<unknown> = [
    ...[undefined, null, true, {}, "", "4095", "1048576", [4095], [1048576], 4095n, ["3da3358b4dc173"]],
    ...[Number.NaN, Infinity, -1, 1.5, 1048576.0000000002, 2 ** 33, Redacted.make("123456789"), Redacted.make(2 ** 40)],
  ]
  for (const { make, name, params, stage } of [fastcdc(), rabin(), buzhash()]) {
    for (const option of Object.keys(params)) {
      for (const value of wrong) {
        const spec = { make, name, params: { ...params, [option]: value }, stage }
        for (const kernels of [{}, nativeKernels]) {
          assert.throws(
            () => makeKernel(spec, kernels),
            ({ message, reason }) => reason === "unsupported" && !/123456789|1099511627776/.test(message),
            `${name}, ${option}: ${typeof value} ${value}`,
          )
        }
      }
    }
  }
})

const elsewhere = (process.versions["bun"] !== undefined || "Deno" in globalThis) && "the compiler runs once, on Node"
test(...skipIf(elsewhere, "the committed WebAssembly is what its source compiles to"), async () => {
  const { compile, MODULES } = await import("../../build_wasm.ts")
  const committed = { fastcdc: FASTCDC_WASM, rabin: RABIN_WASM, buzhash: BUZHASH_WASM }
  for (const name of Object.keys(MODULES) as ReadonlyArray<keyof typeof MODULES>) {
    assert.equal(Buffer.from(compile(name)).toString("base64"), committed[name], "run `npm run build:wasm`")
  }
})
