import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { FRAME_BYTES, frames, type Transform, unframes } from "../../../stages/kernel/frames.ts"
import { KernelError } from "../../../stages/kernel/kernel.ts"

const encode = (bytes: Uint8Array): Uint8Array => Uint8Array.from([7, ...bytes.subarray(0, 3), ...bytes.subarray(3)])
const decode = (bytes: Uint8Array): Uint8Array => bytes.slice(1)
const joined = (parts: ReadonlyArray<Uint8Array>): Buffer => Buffer.concat(parts)

/** Pushes slices that end at the cuts. The memory of each is overwritten afterwards. */
const through = (transform: Transform, bytes: Uint8Array, cuts: ReadonlyArray<number>): Buffer => {
  const out: Array<Uint8Array> = []
  let from = 0
  for (const to of [...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length]) {
    const slice = bytes.slice(from, to)
    out.push(...transform.push(slice))
    slice.fill(0xee)
    from = to
  }
  out.push(...transform.end())
  return joined(out)
}

describe("frames", () => {
  it("decode to the content, however it is sliced", () => {
    const sizes = fc.constantFrom(0, 1, 5, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES)
    const cuts = fc.array(fc.integer({ min: 0, max: 2 * FRAME_BYTES + 30 }), { maxLength: 6 })
    fc.assert(
      fc.property(sizes, cuts, cuts, (size, there, back) => {
        const content = new Uint8Array(size).map((_, i) => i * 31 >> 4)
        const framed = through(frames("k", copying), content, there)
        assert.ok(framed.equals(through(frames("k", copying), content, [])))
        assert.ok(through(unframes("test", decodeCopying), framed, back).equals(content))
      }),
      { numRuns: 30 },
    )
  })

  it("can come byte by byte", () => {
    const content = Uint8Array.from({ length: 300 }, (_, i) => i)
    const every = Array.from({ length: 400 }, (_, i) => i)
    const framed = through(frames("k", encode), content, every)
    assert.deepEqual(through(unframes("test", decode), framed, every), joined([content]))
  })

  const refused = (bytes: Uint8Array) =>
    assert.throws(
      () => through(unframes("test", decode), bytes, []),
      (error) => error instanceof KernelError && error.reason === "corrupt",
    )

  it("must be complete, with nothing after the end", () => {
    const framed = through(frames("k", encode), Uint8Array.from([1, 2, 3]), [])
    for (let length = 0; length < framed.length; length++) refused(framed.subarray(0, length))
    refused(joined([framed, Uint8Array.of(0)]))
    refused(joined([framed, framed]))
  })

  it("with hostile lengths allocate no memory", () => {
    for (const length of [FRAME_BYTES + (64 << 10) + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      const head = new Uint8Array(4)
      new DataView(head.buffer).setUint32(0, length, true)
      refused(head)
    }
  })
})

const copying = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length + 1)
  out[0] = 7
  out.set(bytes, 1)
  return out
}
const decodeCopying = decode
