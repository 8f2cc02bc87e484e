import assert from "node:assert/strict"
import { test } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { Redacted } from "effect"
import { fastcdc } from "../../../stages/chunk/fastcdc.ts"
import { fixed } from "../../../stages/chunk/fixed.ts"
import { whole } from "../../../stages/chunk/whole.ts"
import { type KernelSpec, makeKernel } from "../../../stages/kernel/kernel.ts"
import vectors from "../../vectors/fastcdc.json" with { type: "json" }
import { chunkerSuite, cutsOf, reasonOf } from "../../suites/kernels.ts"
import { noise } from "../../suites/noise.ts"

chunkerSuite("whole", whole({ maximum: 5000 }), {}, 5000)
chunkerSuite("fixed", fixed({ size: 1000 }), {}, 1000)
chunkerSuite("fastcdc, tiny", fastcdc({ average: 256 }), {}, 64)
chunkerSuite("fastcdc", fastcdc({ average: 2048 }), {}, 512)
chunkerSuite("fastcdc, equal bounds", fastcdc({ minimum: 1000, average: 1000, maximum: 1000 }), {}, 1000)

test("fastcdc cuts where an independent implementation of its definition cuts", () => {
  for (const { length, minimum, average, maximum, seed, cuts } of vectors.cases) {
    const content = blake3(new TextEncoder().encode("penstock"), { dkLen: length })
    const key = Redacted.make(new Uint8Array(Buffer.from(seed, "hex")))
    const chunker = makeKernel(fastcdc({ minimum, average, maximum, seed: key }))
    assert.deepEqual(cutsOf(chunker, content).slice(0, cuts.length), cuts)
  }
})

test("fastcdc: sizes on random data are near the average", () => {
  for (const average of [1024, 16_384]) {
    const content = noise(6 << 20, average)
    const mean = content.length / cutsOf(makeKernel(fastcdc({ average })), content).length
    assert.ok(mean > average && mean < average * 1.3, `mean ${mean} of ${average}`)
  }
})

test("fastcdc: an insertion changes few chunks", () => {
  const chunker = makeKernel(fastcdc({ average: 4096 }))
  const before = noise(2 << 20)
  const after = new Uint8Array(before.length + 3)
  after.set(before.subarray(0, 1_000_000))
  after.set([1, 2, 3], 1_000_000)
  after.set(before.subarray(1_000_000), 1_000_003)
  const pieces = (bytes: Uint8Array): Array<string> => {
    let start = 0
    return cutsOf(chunker, bytes).map((end) => Buffer.from(bytes.subarray(start, start = end)).toString("latin1"))
  }
  const known = new Set(pieces(before))
  const fresh = pieces(after).filter((piece) => !known.has(piece))
  assert.ok(fresh.length >= 1 && fresh.length <= 8, `${fresh.length} new of ${known.size}`)
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
  ]
  for (const make of bad) assert.equal(reasonOf(make), "unsupported")
  const spec = fastcdc()
  assert.equal(reasonOf(() => makeKernel({ ...spec, params: { ...spec.params, minimum: 0 } })), "unsupported")
})
