import assert from "node:assert/strict"
import { test } from "node:test"
import { constants, deflateRawSync } from "node:zlib"
import fc from "fast-check"
import { inflate } from "../../../stages/compress/inflate.ts"
import { noise, prose } from "../../suites/noise.ts"
import { cpuMs } from "../../cpu.ts"

test("inflates what zlib deflates at every level and strategy, and finds the end", () => {
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

/** Bits of DEFLATE: numbers start with their lowest bit, codes with their highest. */
class Bits {
  readonly all: Array<number> = []
  number(value: number, count: number): void {
    for (let i = 0; i < count; i++) this.all.push(value >> i & 1)
  }
  code(value: number, count: number): void {
    for (let i = count - 1; i >= 0; i--) this.all.push(value >> i & 1)
  }
  get bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.all.length / 8))
    this.all.forEach((bit, i) => bytes[i >> 3]! |= bit << (i & 7))
    return bytes
  }
}

test("very many empty blocks with the longest codes do not take long", () => {
  const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
  const used = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18]
  /** The code of lengths: 15 of 4 bits, two of 5. */
  const codeOf = (symbol: number): [number, number] => {
    const i = used.indexOf(symbol)
    return i < 15 ? [i, 4] : [30 + i - 15, 5]
  }
  const bits = new Bits()
  const BLOCKS = 60_000
  for (let block = 0; block < BLOCKS; block++) {
    bits.number(block === BLOCKS - 1 ? 1 : 0, 1)
    bits.number(2, 2)
    bits.number(0, 5)
    bits.number(0, 5)
    bits.number(15, 4)
    for (const symbol of order) bits.number(used.includes(symbol) ? codeOf(symbol)[1] : 0, 3)
    // 241 literals without a code; then lengths 1 to 15, and 15 for the end of the block; one distance.
    for (const zeros of [138, 103]) {
      bits.code(...codeOf(18))
      bits.number(zeros - 11, 7)
    }
    for (let length = 1; length <= 15; length++) bits.code(...codeOf(length))
    bits.code(...codeOf(15))
    bits.code(...codeOf(1))
    bits.code(0x7fff, 15)
  }
  const start = cpuMs()
  const result = inflate(bits.bytes, 0, 10)
  assert.equal(result?.content.length, 0)
  // With a table of all codes for each block, a megabyte took three seconds.
  assert.ok(cpuMs() - start < 4000, `${Math.round(cpuMs() - start)} ms of processor time`)
})
