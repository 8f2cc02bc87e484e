import assert from "node:assert/strict"
import { test } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { Redacted } from "effect"
import { ae } from "../../../stages/chunk/ae.ts"
import { buzhash } from "../../../stages/chunk/buzhash.ts"
import { fastcdc } from "../../../stages/chunk/fastcdc.ts"
import { fixed } from "../../../stages/chunk/fixed.ts"
import { isIrreducible } from "../../../stages/chunk/polynomial.ts"
import { rabin } from "../../../stages/chunk/rabin.ts"
import { whole } from "../../../stages/chunk/whole.ts"
import { type Chunker, type KernelSpec, makeKernel } from "../../../stages/kernel/kernel.ts"
import buzhashVectors from "../../vectors/buzhash.json" with { type: "json" }
import vectors from "../../vectors/fastcdc.json" with { type: "json" }
import rabinVectors from "../../vectors/rabin.json" with { type: "json" }
import { chunkerSuite, cutsOf, reasonOf } from "../../suites/kernels.ts"
import { noise, prose } from "../../suites/noise.ts"

chunkerSuite("whole", whole({ maximum: 5000 }), {}, 5000)
chunkerSuite("fixed", fixed({ size: 1000 }), {}, 1000)
chunkerSuite("fastcdc, tiny", fastcdc({ average: 256 }), {}, 64)
chunkerSuite("fastcdc", fastcdc({ average: 2048 }), {}, 512)
chunkerSuite("fastcdc, equal bounds", fastcdc({ minimum: 1000, average: 1000, maximum: 1000 }), {}, 1000)
chunkerSuite("rabin", rabin({ minimum: 300, average: 1024, maximum: 5000 }), {}, 300)
chunkerSuite("rabin, no content at hand beyond its window", rabin({ minimum: 64, average: 256, maximum: 64 }), {}, 64)
chunkerSuite("buzhash", buzhash({ minimum: 300, average: 1024, maximum: 5000, window: 127 }), {}, 300)
chunkerSuite("buzhash, all of a chunk", buzhash({ minimum: 1, average: 16, maximum: 97, window: 95 }), {}, 1)
chunkerSuite("ae", ae({ average: 1024, maximum: 5000 }), {}, 596)
chunkerSuite("ae, tiny", ae({ average: 16, maximum: 30 }), {}, 9)

/** The content of a case of vectors. */
const contentOf = ({ content, length }: { readonly content: string; readonly length: number }): Uint8Array =>
  content === "zeros" ? new Uint8Array(length) : blake3(new TextEncoder().encode("penstock"), { dkLen: length })

test("rabin cuts where restic's chunker cuts", () => {
  for (const one of rabinVectors.cases) {
    const { bits, cuts, maximum, minimum, polynomial } = one
    const spec = rabin({ minimum, average: 2 ** bits, maximum, polynomial: Redacted.make(polynomial) })
    assert.deepEqual(cutsOf(makeKernel(spec), contentOf(one)).slice(0, 120), cuts)
  }
})

test("buzhash cuts where BorgBackup cuts", () => {
  for (const one of buzhashVectors.cases) {
    const { average, cuts, maximum, minimum, seed, window } = one
    const spec = buzhash({ minimum, average, maximum, window, seed: Redacted.make(seed) })
    assert.deepEqual(cutsOf(makeKernel(spec), contentOf(one)).slice(0, 120), cuts)
  }
})

test("ae cuts where a literal version of its definition cuts", () => {
  const literal = (bytes: Uint8Array, average: number, maximum: number): number => {
    const content = Buffer.from(bytes.subarray(0, maximum))
    const w = Math.round(average / (Math.E - 1))
    const values: Array<bigint> = []
    for (let p = 0; p + 8 <= content.length; p++) values.push(content.readBigUInt64BE(p))
    const p = values.findIndex((_, p) =>
      p >= w && values.every((value, i) => i < p - w ? value < values[p - w]! : i > p || value <= values[p - w]!)
    )
    return p === -1 ? content.length : p
  }
  for (const [average, maximum] of [[16, 64], [100, 300], [100, 100], [300, 3000]] as const) {
    const { cut } = makeKernel(ae({ average, maximum }))
    for (const content of [noise(6000), prose(6000), new Uint8Array(6000), noise(7), noise(300)]) {
      for (let at = 0; at < content.length;) {
        const end = cut(content, at, content.length)
        assert.equal(end - at, literal(content.subarray(at), average, maximum))
        at = end
      }
    }
  }
})

test("irreducible polynomials are known", () => {
  // Of each degree there are so many (OEIS A001037).
  const counts = [0, 0, 0, 0, 0, 0, 0, 0, 0]
  for (let f = 2n; f < 512n; f++) if (isIrreducible(f)) counts[f.toString(2).length - 1]!++
  assert.deepEqual(counts, [0, 2, 1, 2, 3, 6, 9, 18, 30])
})

test("fastcdc cuts where an independent implementation of its definition cuts", () => {
  for (const { length, minimum, average, maximum, seed, cuts } of vectors.cases) {
    const content = blake3(new TextEncoder().encode("penstock"), { dkLen: length })
    const key = Redacted.make(new Uint8Array(Buffer.from(seed, "hex")))
    const chunker = makeKernel(fastcdc({ minimum, average, maximum, seed: key }))
    assert.deepEqual(cutsOf(chunker, content).slice(0, cuts.length), cuts)
  }
})

test("sizes on random data are near the average", () => {
  for (const average of [1024, 16_384]) {
    const content = noise(6 << 20, average)
    for (
      const [spec, most] of [[fastcdc({ average }), 1.3], [ae({ average }), 1.1], [rabin({ average }), 1.6]] as const
    ) {
      const mean = content.length / cutsOf(makeKernel(spec), content).length
      assert.ok(mean > average * 0.9 && mean < average * most, `${spec.name}: mean ${mean} of ${average}`)
    }
  }
})

test("an insertion changes few chunks", () => {
  const before = noise(2 << 20)
  const after = new Uint8Array(before.length + 3)
  after.set(before.subarray(0, 1_000_000))
  after.set([1, 2, 3], 1_000_000)
  after.set(before.subarray(1_000_000), 1_000_003)
  const pieces = (chunker: Chunker, bytes: Uint8Array): Array<string> => {
    let start = 0
    return cutsOf(chunker, bytes).map((end) => Buffer.from(bytes.subarray(start, start = end)).toString("latin1"))
  }
  const specs = [
    fastcdc({ average: 4096 }),
    rabin({ average: 4096, minimum: 512 }),
    buzhash({ average: 4096, minimum: 512, window: 255 }),
    ae({ average: 4096 }),
  ]
  for (const spec of specs) {
    const chunker = makeKernel(spec)
    const known = new Set(pieces(chunker, before))
    const fresh = pieces(chunker, after).filter((piece) => !known.has(piece))
    assert.ok(known.size > 200 && fresh.length >= 1 && fresh.length <= 8, `${spec.name}: ${fresh.length} new`)
  }
})

test("a secret seed moves the cuts", () => {
  const content = noise(200_000)
  const cuts = [new Uint8Array(32), noise(32)].map((seed) =>
    cutsOf(makeKernel(fastcdc({ average: 1024, seed })), content)
  )
  const shared = cuts[0]!.filter((cut) => cuts[1]!.includes(cut))
  assert.ok(shared.length < 10, `${shared.length} shared`)
})

test("options out of range are refused, by the spec and by its make", () => {
  const bad: ReadonlyArray<() => KernelSpec<"chunk">> = [
    () => whole({ maximum: 0 }),
    () => fixed({ size: 1.5 }),
    () => fixed({ size: Number.NaN }),
    () => fastcdc({ average: 100 }),
    () => fastcdc({ average: 1024, minimum: 63 }),
    () => fastcdc({ average: 1024, minimum: 1025 }),
    () => fastcdc({ average: 1024, maximum: 1000 }),
    () => fastcdc({ seed: new Uint8Array(31) }),
    () => ae({ average: 15 }),
    () => ae({ average: 1000, maximum: 999 }),
    () => rabin({ average: 1000 }),
    () => rabin({ average: 1 << 27, maximum: 1 << 30 }),
    () => rabin({ minimum: 63 }),
    () => rabin({ minimum: 2000, maximum: 1999 }),
    // Divisible by x + 1, of degree 52, of 15 digits, and no digits.
    () => rabin({ polynomial: "3da3358b4dc172" }),
    () => rabin({ polynomial: "1da3358b4dc173" }),
    () => rabin({ polynomial: "03da3358b4dc173" }),
    () => rabin({ polynomial: Redacted.make("secret secrets") }),
    () => buzhash({ average: 1000 }),
    () => buzhash({ minimum: 0 }),
    () => buzhash({ minimum: 5000, maximum: 5000 + 4095 }),
    () => buzhash({ window: 4096 }),
    () => buzhash({ seed: 2 ** 32 }),
    () => buzhash({ seed: Redacted.make(-1) }),
  ]
  for (const make of bad) assert.equal(reasonOf(make), "unsupported")
  const spec = fastcdc()
  assert.equal(reasonOf(() => makeKernel({ ...spec, params: { ...spec.params, minimum: 0 } })), "unsupported")
})
