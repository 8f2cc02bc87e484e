import assert from "node:assert/strict"
import { test } from "node:test"
import { constants, deflateRawSync, gzipSync } from "node:zlib"
import fc from "fast-check"
import { crc32 } from "../../../stages/compress/crc32.ts"
import { gunzip } from "../../../stages/compress/gunzip.ts"
import { gzip } from "../../../stages/compress/gzip.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"
import { reasonOf } from "../../suites/kernels.ts"
import { noise } from "../../suites/noise.ts"

const prose = (length: number): Uint8Array =>
  new TextEncoder().encode(
    Array.from({ length: length / 8 + 1 }, (_, i) => `${(i * 2654435761 >>> 0).toString(36)} and `).join(""),
  ).subarray(0, length)

const decoded = (bytes: Uint8Array, size: number, limit?: number): Uint8Array => {
  const transform = gunzip(limit)
  const out: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += size) out.push(...transform.push(bytes.subarray(at, at + size)))
  out.push(...transform.end())
  assert.ok(out.every((piece) => piece.length > 0 && piece.length <= 96 << 10))
  return new Uint8Array(Buffer.concat(out))
}

const contents: ReadonlyArray<readonly [string, Uint8Array]> = [
  ["nothing", new Uint8Array(0)],
  ["a byte", Uint8Array.of(7)],
  ["noise", noise(200_001)],
  ["prose", prose(400_000)],
  ["zeros", new Uint8Array(1_000_000)],
  ["far matches", new Uint8Array([...noise(32_768), ...noise(32_768), ...noise(32_768)])],
]

test("decodes any content of any encoder, in pieces of any size", () => {
  const { strategies, ...encoders } = {
    strategies: [constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE],
    portable: (content: Uint8Array) => makeKernel(gzip()).encode(content),
    levels: (content: Uint8Array) => gzipSync(content, { level: content.length % 10 }),
  }
  for (const [label, content] of contents) {
    const encodings = [
      ...Object.values(encoders).map((encode) => encode(content)),
      ...strategies.map((strategy) => gzipSync(content, { strategy })),
      // Several members in one input.
      Buffer.concat([gzipSync(content), makeKernel(gzip()).encode(content.subarray(0, 9)), gzipSync(content)]),
    ]
    for (const [i, encoded] of encodings.entries()) {
      const expected = i === encodings.length - 1
        ? Buffer.concat([content, content.subarray(0, 9), content])
        : Buffer.from(content)
      for (const size of [1 << 20, 8192, 1000, ...(encoded.length < 20_000 ? [1, 3] : [])]) {
        assert.ok(expected.equals(decoded(encoded, size)), `${label}, encoding ${i}, pieces of ${size}`)
      }
    }
  }
})

test("takes headers with all optional fields, byte by byte", () => {
  const content = prose(1000)
  const extra = [5, 0, 1, 2, 3, 4, 5]
  const header = [0x1f, 0x8b, 8, 4 | 8 | 16, 0, 0, 0, 0, 0, 3, ...extra, 110, 97, 0, ...new Array(300).fill(99), 0]
  const trailer = new Uint8Array(8)
  new DataView(trailer.buffer).setUint32(0, crc32(content), true)
  new DataView(trailer.buffer).setUint32(4, content.length, true)
  const member = Buffer.concat([Uint8Array.from(header), deflateRawSync(content), trailer])
  assert.deepEqual(decoded(member, 1), content)
  const endless = Buffer.concat([Uint8Array.from(header.slice(0, -1)), new Uint8Array(100_000).fill(1)])
  assert.equal(reasonOf(() => decoded(endless, 1000)), "corrupt")
})

test("refuses input that is cut off or goes on after its end, and content that is too long", () => {
  const encoded = gzipSync(prose(3000))
  for (let length = 0; length < encoded.length; length++) {
    assert.equal(reasonOf(() => decoded(encoded.subarray(0, length), 100)), "corrupt", `${length} bytes`)
  }
  assert.equal(reasonOf(() => decoded(Buffer.concat([encoded, Uint8Array.of(0)]), 100)), "corrupt")
  assert.equal(reasonOf(() => decoded(encoded, 100, 2999)), "limit")
  assert.equal(decoded(encoded, 100, 3000).length, 3000)
})

test("agrees with the decoder of whole messages about damaged bytes", () => {
  const kernel = makeKernel(gzip())
  const samples = [gzipSync(prose(3000)), gzipSync(noise(300)), kernel.encode(prose(500))]
  fc.assert(
    fc.property(
      fc.nat(samples.length - 1),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 500 }),
      (which, flips, size) => {
        const damaged = new Uint8Array(samples[which]!)
        for (const [at, change] of flips) damaged[at % damaged.length]! ^= change
        const outcome = (run: () => Uint8Array): string => {
          let out: Uint8Array | undefined
          const reason = reasonOf(() => void (out = run()))
          return out === undefined ? String(reason) : Buffer.from(out).toString("hex")
        }
        assert.equal(
          outcome(() => decoded(damaged, size, 100_000)),
          outcome(() => kernel.decode(damaged, 100_000)),
        )
      },
    ),
    { numRuns: 500 },
  )
})
