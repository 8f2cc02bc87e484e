/** Zeros that are recognised, and zeros that are shared. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { releaseBuffer } from "../../../stages/memory/release.ts"
import { areSharedZeros, areZeros, sharedZeros } from "../../../stages/memory/zeros.ts"

describe("zeros", () => {
  it("are bytes that are all 0, at any offset and of any length", () => {
    fc.assert(
      fc.property(fc.nat(9), fc.nat(200), fc.nat(199), fc.integer({ min: 1, max: 255 }), (from, length, at, byte) => {
        // What lies around the bytes does not matter.
        const bytes = new Uint8Array(250).fill(7).subarray(from, from + length).fill(0)
        assert.ok(areZeros(bytes))
        if (at >= length) return
        bytes[at] = byte
        assert.ok(!areZeros(bytes))
      }),
      { numRuns: 500 },
    )
  })

  it("are shared, and cannot be freed", () => {
    const zeros = sharedZeros(8 << 20)!
    assert.equal(zeros.length, 8 << 20)
    assert.ok(areZeros(zeros) && areSharedZeros(zeros) && areSharedZeros(sharedZeros(1)!))
    assert.ok(!areSharedZeros(new Uint8Array(3)))
    releaseBuffer(zeros)
    assert.equal(sharedZeros(8 << 20)!.length, 8 << 20)
    assert.equal(sharedZeros((8 << 20) + 1), undefined)
  })
})
