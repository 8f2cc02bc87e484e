import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { constants, zstdCompressSync } from "node:zlib"
import fc from "fast-check"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { zstd } from "../../../stages/compress/zstd.ts"
import { ZSTD_FRAME_BYTES, zstdContent, zstdFrames } from "../../../stages/compress/zstd_stream.ts"
import type { Transform } from "../../../stages/kernel/frames.ts"
import { KernelError, makeKernel } from "../../../stages/kernel/kernel.ts"
import { skipIf } from "../../skip.ts"
import { noise } from "../../suites/noise.ts"
import { missing, runTool } from "../../tool.ts"

const kernels = [["portable", makeKernel(zstd())], ["native", makeKernel(zstd(), nativeKernels)]] as const

const through = (transform: Transform, bytes: Uint8Array, slice: number): Uint8Array => {
  const out: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += slice) out.push(...transform.push(bytes.slice(at, at + slice)))
  return new Uint8Array(Buffer.concat([...out, ...transform.end()]))
}

/** Content that compresses, but not to almost nothing. */
const prose = (length: number): Uint8Array => {
  const out = new Uint8Array(length)
  for (let i = 0, state = 1; i < length; i++) {
    if (i % 5 === 0) state = Math.imul(state, 1664525) + 1013904223 >>> 0
    out[i] = 97 + (state >>> 28)
  }
  return out
}
const equal = (actual: Uint8Array, expected: Uint8Array): void =>
  assert.ok(Buffer.compare(actual, expected) === 0, `${actual.length} bytes instead of ${expected.length}, or others`)

describe("zstd content of any size", () => {
  it("is decoded as it was encoded, by any kernel and in any pieces", () => {
    for (const size of [0, 1, 1000, ZSTD_FRAME_BYTES, ZSTD_FRAME_BYTES + 1, 9 << 20]) {
      const content = prose(size)
      for (const [, writer] of kernels) {
        const stored = through(zstdFrames(writer), content, 300_001)
        for (const [, reader] of kernels) equal(through(zstdContent(reader, size), stored, 777_777), content)
      }
    }
  })

  it("may have frames that are too large to be decoded at once", () => {
    const content = Buffer.concat([prose(17 << 20), noise(300_000), prose(300_000)])
    for (const contentSize of [0, 1]) {
      const params = { [constants.ZSTD_c_contentSizeFlag]: contentSize, [constants.ZSTD_c_windowLog]: 20 }
      const stored = zstdCompressSync(content, { params })
      equal(through(zstdContent(kernels[0][1], content.length), stored, 777_777), content)
      assert.throws(() => through(zstdContent(kernels[0][1], content.length - 1), stored, 777_777), { reason: "limit" })
    }
  })

  it("is refused beyond the limit", () => {
    for (const [, kernel] of kernels) {
      const stored = through(zstdFrames(kernel), new Uint8Array(9 << 20), 1 << 20)
      assert.throws(
        () => through(zstdContent(kernel, (9 << 20) - 1), stored, 1 << 20),
        (error) => error instanceof KernelError && error.reason === "limit",
      )
    }
  })

  it("may have frames to skip, and is refused when it is cut off or is not zstd", () => {
    const [, kernel] = kernels[1]
    const content = prose(100_000)
    const stored = through(zstdFrames(kernel), content, 1 << 20)
    const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9])
    equal(through(zstdContent(kernel, 1 << 20), Buffer.concat([skippable, stored, skippable]), 1), content)
    for (const cut of [0, 1, 5, 17, 18, 1000, stored.length - 1]) {
      assert.throws(
        () => through(zstdContent(kernel, 1 << 20), stored.subarray(0, cut), 100),
        KernelError,
        `cut at ${cut}`,
      )
    }
    assert.throws(
      () => through(zstdContent(kernel, 1 << 20), Buffer.concat([stored, Buffer.from("x")]), 100),
      KernelError,
    )
  })

  it("gives a KernelError or content, whatever is damaged", () => {
    const content = prose(20_000)
    const stored = through(zstdFrames(kernels[1][1]), content, 1 << 20)
    fc.assert(
      fc.property(
        fc.nat(stored.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom(...kernels),
        (at, change, [, kernel]) => {
          const changed = stored.slice()
          changed[at]! ^= change
          try {
            assert.ok(through(zstdContent(kernel, content.length), changed, 5000).length <= content.length)
          } catch (error) {
            if (!(error instanceof KernelError)) throw error
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it("is refused when a frame claims too much", () => {
    const [, kernel] = kernels[0]
    // A window of 2 GiB, then blocks of one repeated byte, 128 KiB each.
    const bomb = (window: number, blocks: number): Uint8Array =>
      Buffer.concat([
        Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window]),
        ...Array.from({ length: blocks }, (_, i) => Buffer.from([2 | (i === blocks - 1 ? 1 : 0), 0, 16, 7])),
      ])
    equal(through(zstdContent(kernel, 20 << 20), bomb(0x58, 160), 1000), new Uint8Array(20 << 20).fill(7))
    assert.throws(() => through(zstdContent(kernel, 1000), bomb(0xa8, 100_000), 1 << 20), { reason: "limit" })
    assert.throws(() => through(zstdContent(kernel, 1 << 40), bomb(0xa8, 200), 1 << 20), { reason: "limit" })
  })

  it(...skipIf(missing("zstd"), "agrees with the zstd command, also on long windows"), () => {
    const content = Buffer.concat([prose(18 << 20), prose(1 << 20)])
    for (const args of [["-3", "--no-check"], ["-1", "--long=27", "--check"], ["-2", "--stream-size=19922944"]]) {
      const stored = runTool("zstd", ["-c", ...args], content)
      equal(through(zstdContent(kernels[1][1], content.length), stored, 1 << 20), content)
    }
    equal(runTool("zstd", ["-dc"], through(zstdFrames(kernels[1][1]), content, 1 << 20)), content)
  })
})
