import assert from "node:assert/strict"
import { test } from "node:test"
import { constants, deflateRawSync } from "node:zlib"
import fc from "fast-check"
import { inflate } from "../../../stages/compress/inflate.ts"
import { noise, prose } from "../../suites/kernels.ts"

test("inflates what zlib deflates, at every level and strategy, and finds its end", () => {
  const strategies = [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE]
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 400 }),
        fc.tuple(fc.nat(60_000), fc.nat(50)).map(([length, seed]) => prose(length, seed)),
        fc.tuple(fc.nat(60_000), fc.nat(50)).map(([length, seed]) => noise(length, seed)),
        fc.tuple(fc.nat(60_000), fc.nat(255)).map(([length, byte]) => new Uint8Array(length).fill(byte)),
      ),
      fc.integer({ min: 0, max: 9 }),
      fc.constantFrom(...strategies),
      (content, level, strategy) => {
        const deflated = deflateRawSync(content, { level, strategy })
        const padded = new Uint8Array(deflated.length + 14).fill(0xff)
        padded.set(deflated, 5)
        const result = inflate(padded, 5, content.length)
        assert.ok(result !== undefined)
        assert.equal(result.end, 5 + deflated.length)
        assert.ok(Buffer.compare(result.content, content) === 0)
        if (content.length > 0) assert.equal(inflate(padded, 5, content.length - 1), undefined)
      },
    ),
    { numRuns: 300 },
  )
})
