/**
 * Forged blocks, which would keep `fzstd` busy for seconds or forever, never reach it. The messages of the meter differ
 * from the message of an error of `fzstd`, so they tell which of the two refused.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { constants, zstdCompressSync } from "node:zlib"
import { zstdDecode } from "../../../stages/compress/zstd_decode.ts"
import { readBlock, readFrame } from "../../../stages/compress/zstd_frame.ts"
import { FrameMeter } from "../../../stages/compress/zstd_measure.ts"
import { zstdContent } from "../../../stages/compress/zstd_stream.ts"
import { zstd } from "../../../stages/compress/zstd.ts"
import { KernelError, makeKernel } from "../../../stages/kernel/kernel.ts"
import { prose } from "../../suites/noise.ts"

const WINDOW = 2 << 20
const LONG = /a block has more content than a block can have/
const OUTSIDE = /a block refers to content that does not exist/
const LENGTHS = /the lengths in a block are damaged/
const MEASURED = new RegExp([LONG, OUTSIDE, LENGTHS].map(({ source }) => source).join("|"))

const block = (body: ReadonlyArray<number>, last = true): Uint8Array => {
  const header = (last ? 1 : 0) | 2 << 1 | body.length << 3
  return Uint8Array.of(header, header >> 8, header >> 16, ...body)
}
/** Content before a block, which its offsets may reach: one byte, 1000 times. */
const BEFORE = Uint8Array.of(0x42, 0x1f, 0, 7)
const frame = (...blocks: ReadonlyArray<Uint8Array>): Uint8Array =>
  Buffer.concat([Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58), ...blocks])

/** One literal and 98,047 sequences. `codes`: the single symbols of lengths, offsets and matches. */
const sequences = (codes: ReadonlyArray<number>, bits: ReadonlyArray<number>): Uint8Array =>
  block([0x08, 0x41, 0xff, 0xff, 0xff, 0x54, ...codes, ...bits])

const forged: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
  // They take no bits. 43,690 of them fill a block.
  "the shortest matches": [sequences([0, 0, 0], [1]), LONG],
  "the longest matches": [sequences([0, 0, 52], Array<number>(5000).fill(0xff)), LONG],
  "more literals than there are": [sequences([35, 0, 0], Array<number>(5000).fill(0xff)), LENGTHS],
  "offsets before the start": [sequences([1, 12, 0], Array<number>(5000).fill(0xff)), OUTSIDE],
  "the largest offsets": [sequences([1, 31, 0], Array<number>(5000).fill(0xff)), OUTSIDE],
  "more bits than there are": [sequences([0, 3, 42], [0xff]), LENGTHS],
  "no bits": [sequences([0, 0, 0], [0]), LENGTHS],
  // The length has 20 bits: 1,048,575.
  "literals that repeat more than a block": [block([0x0d | 0xf0, 0xff, 0xff, 0x41, 0]), LONG],
  // Weights with a single symbol take no bits, so `fzstd` would read them forever.
  "a code of one weight": [block([0x12, 0x80, 1, 4, 0xf0, 3, 0xff, 0x80, 1, 0]), LENGTHS],
}

/** The error of `measure`, and how many bytes it has read. */
const measured = (bytes: Uint8Array): { readonly error: unknown; readonly reads: number } => {
  let reads = 0
  const counted = new Proxy(bytes, {
    get: (target, key) => {
      reads++
      return Reflect.get(target, key, target)
    },
  })
  const meter = new FrameMeter(WINDOW)
  meter.measure(BEFORE, 0)
  try {
    meter.measure(counted, 0)
    return { error: undefined, reads }
  } catch (error) {
    return { error, reads }
  }
}

/** Decodes at once, and block by block, as a part of a frame that is too large for the first. */
const decoders: ReadonlyArray<(block: Uint8Array) => unknown> = [
  (bytes) => zstdDecode(frame(BEFORE, bytes), 1 << 30),
  (bytes) => {
    const filled = Array.from({ length: 130 }, () => Uint8Array.of(2, 0, 16, 7))
    return zstdContent(makeKernel(zstd()), 1 << 30).push(frame(...filled, bytes))
  },
]

describe("forged blocks of zstd", () => {
  for (const [name, [bytes, message]] of Object.entries(forged)) {
    it(`with ${name} are refused in few steps, before fzstd sees them`, () => {
      const { error, reads } = measured(bytes)
      assert.ok(error instanceof KernelError && error.reason === "corrupt", String(error))
      assert.match(error.message, message)
      // Each sequence is read as a few words of four bytes.
      assert.ok(reads < 43_700 * 24, `${reads} reads`)
      for (const decode of decoders) {
        // The harmless block comes first: with it, a decoder that does not measure fails instead of running forever.
        assert.throws(() => decode(forged["no bits"]![0]), { reason: "corrupt", message: LENGTHS })
        // In a large frame, offsets may reach content that a small one does not have.
        assert.throws(() => decode(bytes), { reason: "corrupt", message: decode === decoders[0] ? message : MEASURED })
      }
    })
  }

  it("with any code of length, offset and match are refused", () => {
    for (const match of [0, 20, 31, 40, 52, 53, 255]) {
      for (const offset of [0, 1, 20, 25, 26, 31, 32, 255]) {
        for (const length of [0, 15, 35, 36, 255]) {
          for (const bits of [[], [1], [0xff, 0xff, 0xff, 0xff], Array<number>(5000).fill(0xff)]) {
            const bytes = sequences([length, offset, match], bits)
            assert.throws(() => new FrameMeter(WINDOW).measure(bytes, 0), { reason: "corrupt", message: MEASURED })
            assert.throws(() => zstdDecode(frame(bytes), 1 << 30), { reason: "corrupt", message: MEASURED })
          }
        }
      }
    }
  })

  it("that are many and short are decoded at once in a small frame, and refused in a large one", () => {
    const filled = Array.from({ length: 130 }, () => Uint8Array.of(2, 0, 16, 7))
    const short = Array.from({ length: 5000 }, () => block([0x08, 0x41, 0], false))
    const bytes = [...short, Uint8Array.of(1, 0, 0)]
    const decode = (stored: Uint8Array): ReadonlyArray<Uint8Array> => {
      const content = zstdContent(makeKernel(zstd()), 1 << 30)
      return [...content.push(stored), ...content.end()]
    }
    assert.deepEqual(decode(frame(...bytes)), [new Uint8Array(5000).fill(0x41)])
    assert.throws(() => decode(frame(...filled, ...bytes)), { reason: "limit", message: /too short for a window/ })
  })

  it("with more content than their frame states are refused", () => {
    const content = prose(300_000)
    const stored = new Uint8Array(zstdCompressSync(content))
    const sized = readFrame(stored, 0)
    assert.ok(typeof sized !== "number")
    // The content size is at the end of the header, whether the frame is a single segment or not.
    const less = Buffer.concat([
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x58, 0xff, 0xff, 0, 0),
      stored.subarray(sized.blocks, sized.blocksEnd),
    ])
    assert.throws(() => zstdDecode(less, 1 << 20), { reason: "corrupt", message: /the stated size/ })
  })
})

describe("the meter of zstd blocks", () => {
  it("finds how much content each block has", () => {
    const content = prose(1_000_000)
    for (const level of [-5, 1, 3, 9, 19]) {
      const bytes = new Uint8Array(
        zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: level } }),
      )
      const found = readFrame(bytes, 0)
      assert.ok(typeof found !== "number")
      const meter = new FrameMeter(found.windowSize)
      let total = 0
      for (let at = found.blocks; at < found.blocksEnd;) {
        const { bound, stored } = readBlock(bytes, at, found.windowSize)
        const size = meter.measure(bytes, at)
        assert.ok(size <= bound)
        total += size
        at += stored
      }
      assert.equal(total, content.length)
    }
  })
})
