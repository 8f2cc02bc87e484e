/** The portable decoder of zstd, compared with the zstd library: it decodes what the library decodes. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import fc from "fast-check"
import { zstdDecode } from "../../../stages/compress/zstd_decode.ts"
import { KernelError } from "../../../stages/kernel/kernel.ts"
import { noise, prose } from "../../suites/noise.ts"

const LIMIT = 8 << 20
const compress = (content: Uint8Array, level: number, more: Readonly<Record<number, number>> = {}): Uint8Array =>
  zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: level, ...more } })
const equal = (actual: Uint8Array, expected: Uint8Array): void =>
  assert.ok(Buffer.compare(actual, expected) === 0, `${actual.length} bytes instead of ${expected.length}, or others`)

/** Content of many kinds, which makes blocks of many kinds. */
const contents: Readonly<Record<string, Uint8Array>> = {
  nothing: new Uint8Array(0),
  "a byte": Uint8Array.of(7),
  zeros: new Uint8Array(1_000_000),
  noise: noise(300_000),
  prose: prose(1_500_000),
  "prose in noise": Buffer.concat([prose(50_000), noise(200_000), prose(50_000), noise(3)]),
  counting: Uint8Array.from({ length: 500_000 }, (_, i) => i >> 6 ^ i),
  "two letters": Uint8Array.from(noise(400_000), (byte) => byte & 1),
  "few rare": Uint8Array.from(noise(400_000), (byte) => byte < 250 ? 0 : byte),
  "far repeats": Buffer.concat(Array.from({ length: 12 }, () => noise(90_000))),
}

describe("the portable decoder of zstd", () => {
  for (const [name, content] of Object.entries(contents)) {
    it(`decodes what the library makes of ${name}`, () => {
      for (const level of [-50, -5, 1, 3, 5, 9, 13, 19, 22]) equal(zstdDecode(compress(content, level), LIMIT), content)
      // A window that is much shorter than the content, no size in the header, a checksum, whole frames within each
      // other's reach.
      for (const window of [10, 14, 17]) {
        equal(
          zstdDecode(
            compress(content, 9, {
              [constants.ZSTD_c_windowLog]: window,
              [constants.ZSTD_c_checksumFlag]: 1,
              [constants.ZSTD_c_contentSizeFlag]: 0,
            }),
            LIMIT,
          ),
          content,
        )
      }
      equal(zstdDecode(compress(content, 15, { [constants.ZSTD_c_enableLongDistanceMatching]: 1 }), LIMIT), content)
    })
  }

  it("gives the content that the library finds or a KernelError, whichever byte is altered", () => {
    const samples = ["prose in noise", "counting", "few rare"].flatMap((name) =>
      [1, 9, 19].map((level) => compress(contents[name]!.subarray(0, 140_000), level))
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (sample, changes, early) => {
          const bytes = sample.slice()
          // The tables are at the start of a block.
          for (const [where, byte] of changes) bytes[Math.floor(where * (early ? 200 : bytes.length))] = byte
          let found: Uint8Array | undefined
          try {
            found = zstdDecode(bytes, LIMIT)
          } catch (error) {
            if (!(error instanceof KernelError)) throw error
          }
          let right: Uint8Array | undefined
          try {
            right = zstdDecompressSync(bytes, { maxOutputLength: LIMIT })
          } catch {
            return
          }
          // The library ignores bytes that follow, and a missing end of a frame.
          if (found !== undefined) equal(found, right)
        },
      ),
      { numRuns: 600 },
    )
  })

  it("refuses matches from more than 64 MiB back, which fzstd reads wrongly", () => {
    const part = noise(100_000)
    for (const [between, reason] of [[60 << 20, "none"], [70 << 20, "limit"]] as const) {
      const content = new Uint8Array(between + 2 * part.length)
      content.set(part)
      content.set(part, between)
      const stored = compress(content, 3, {
        [constants.ZSTD_c_windowLog]: 27,
        [constants.ZSTD_c_enableLongDistanceMatching]: 1,
      })
      assert.ok(stored.length < 1.5 * part.length, `repeats: ${stored.length}`)
      if (reason === "none") equal(zstdDecode(stored, content.length), content)
      else assert.throws(() => zstdDecode(stored, content.length), { reason, message: /64 MiB/ })
    }
  })

  it("decodes very many empty frames and blocks", () => {
    const empty = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 1, 0, 0])
    equal(zstdDecode(Buffer.concat(Array.from({ length: 200_000 }, () => empty)), 0), new Uint8Array(0))
    const blocks = Uint8Array.from({ length: 6 + 3 * 500_000 }, (_, i) => i < 6 ? empty[i]! : 0)
    blocks[blocks.length - 3] = 1
    equal(zstdDecode(blocks, 0), new Uint8Array(0))
  })
})
