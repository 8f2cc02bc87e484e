import assert from "node:assert/strict"
import { test } from "node:test"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { adaptive } from "../../../stages/compress/adaptive.ts"
import { crc32 } from "../../../stages/compress/crc32.ts"
import { gzip } from "../../../stages/compress/gzip.ts"
import { adaptiveZstd, COMPRESSION_MODES } from "../../../stages/compress/adaptive_zstd.ts"
import { noCompression } from "../../../stages/compress/none.ts"
import { zstd } from "../../../stages/compress/zstd.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"
import { compressorSuite, reasonOf } from "../../suites/kernels.ts"
import { noise, prose } from "../../suites/noise.ts"

const gone = { detectsTruncation: false }
compressorSuite("none", noCompression, {}, gone)
compressorSuite("zstd, portable", zstd())
compressorSuite("gzip, portable", gzip())
compressorSuite("adaptive-zstd, portable", adaptive(zstd()), {}, gone)
compressorSuite("zstd, native", zstd(), nativeKernels, { shrinks: 2 })
compressorSuite("gzip, native", gzip(), nativeKernels, { shrinks: 2 })
compressorSuite("adaptive-zstd, native", adaptive(zstd()), nativeKernels, { ...gone, shrinks: 2 })
compressorSuite("adaptive-gzip, native", adaptive(gzip({ level: 9 })), nativeKernels, { ...gone, shrinks: 2 })

test("adaptive with `store` compresses nothing, and decodes what others compressed", () => {
  for (const table of [{}, nativeKernels]) {
    const off = makeKernel(adaptiveZstd("off"), table)
    const content = prose(100_000)
    const stored = off.encode(content)
    assert.equal(stored.length, content.length + 1)
    for (const mode of COMPRESSION_MODES) {
      const kernel = makeKernel(adaptiveZstd(mode), table)
      assert.deepEqual(kernel.decode(stored, content.length), content)
      assert.deepEqual(off.decode(kernel.encode(content), content.length), content)
    }
  }
})

for (const [name, table] of [["portable", {}], ["native", nativeKernels]] as const) {
  test(`${name}: bombs are refused before they are unpacked`, () => {
    const bombs = { zstd: bomb("zstd"), gzip: bomb("gzip") }
    for (const [kind, bytes] of Object.entries(bombs)) {
      const kernel = makeKernel(kind === "zstd" ? zstd() : gzip(), table)
      assert.equal(reasonOf(() => kernel.decode(bytes, 1 << 20)), "limit", kind)
    }
    // The same with a header without the content size.
    assert.equal(reasonOf(() => makeKernel(zstd(), table).decode(withoutSize(bombs.zstd), 1 << 20)), "limit")
  })
}

/** 1 GiB of zeros, as one piece repeated: RLE blocks for zstd, members for gzip. */
const bomb = (kind: "zstd" | "gzip"): Uint8Array => {
  if (kind === "gzip") {
    const member = makeKernel(gzip({ level: 9 }), nativeKernels).encode(new Uint8Array(64 << 20))
    return new Uint8Array(Buffer.concat(Array.from({ length: 16 }, () => member)))
  }
  const block = (
    last: number,
  ) => [last | 2 | (((128 << 10) << 3) & 0xff), ((128 << 10) << 3) >> 8 & 0xff, (128 << 10) >> 13, 0]
  const blocks = Array.from({ length: 8192 }, (_, i) => block(i === 8191 ? 1 : 0)).flat()
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x58, 0, 0, 0, 0x40, ...blocks])
}

const withoutSize = (frame: Uint8Array): Uint8Array => {
  const out = new Uint8Array(frame.length - 4)
  out.set(frame.subarray(0, 6))
  out[4] = 0
  out.set(frame.subarray(10), 6)
  return out
}

test("zstd: levels change only the compressed bytes, and frames state their content size", () => {
  const content = prose(300_000)
  const sizes = [-7, 1, 3, 19, 22].map((level) => {
    const encoded = makeKernel(zstd({ level }), nativeKernels).encode(content)
    assert.ok(Buffer.compare(makeKernel(zstd()).decode(encoded, 300_000), content) === 0)
    assert.notEqual(encoded[4]! & 0xe0, 0)
    return encoded.length
  })
  assert.ok(sizes[0]! > sizes[2]! && sizes[2]! > sizes[4]!, String(sizes))
})

test("several frames are one content; frames to skip are skipped; other bytes after a frame are refused", () => {
  const skip = [0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]
  for (const table of [{}, nativeKernels]) {
    for (const [spec, between] of [[zstd(), skip], [gzip(), []]] as const) {
      const kernel = makeKernel(spec, table)
      const [a, b] = [prose(1000, 3), prose(200_000, 4)]
      const joined = Uint8Array.from([...kernel.encode(a), ...between, ...makeKernel(spec, nativeKernels).encode(b)])
      assert.deepEqual(kernel.decode(joined, 201_000), Uint8Array.from([...a, ...b]))
      assert.equal(reasonOf(() => kernel.decode(joined, 200_999)), "limit")
      assert.equal(reasonOf(() => kernel.decode(Uint8Array.from([...joined, 1, 2, 3]), 201_000)), "corrupt")
    }
  }
})

test("a wrong content size in the header is refused", () => {
  for (const table of [{}, nativeKernels]) {
    for (const change of [-1, 1, 1000]) {
      const encoded = makeKernel(zstd(), nativeKernels).encode(prose(100_000)).slice()
      const view = new DataView(encoded.buffer)
      const at = encoded[4]! & 0x20 ? 5 : 6
      view.setUint32(at, view.getUint32(at, true) + change, true)
      assert.equal(reasonOf(() => makeKernel(zstd(), table).decode(encoded, 1 << 20)), "corrupt", `by ${change}`)
    }
  }
})

test("adaptive stores content that does not shrink", () => {
  const kernel = makeKernel(adaptive(zstd()), nativeKernels)
  assert.equal(kernel.encode(noise(5000)).length, 5001)
  assert.equal(kernel.encode(noise(500_000)).length, 500_001)
  assert.equal(kernel.encode(noise(500_000))[0], 0)
  assert.equal(kernel.encode(prose(500_000))[0], 1)
  assert.equal(reasonOf(() => kernel.decode(Uint8Array.of(2, 1), 10)), "corrupt")
  assert.equal(reasonOf(() => kernel.decode(new Uint8Array(0), 10)), "corrupt")
})

test("levels out of range are refused", () => {
  for (
    const make of [
      () => zstd({ level: 23 }),
      () => zstd({ level: -8 }),
      () => gzip({ level: 10 }),
      () => gzip({ level: 1.5 }),
    ]
  ) {
    assert.equal(reasonOf(make), "unsupported")
  }
  assert.equal(reasonOf(() => makeKernel({ ...zstd(), params: { level: 99 } }, nativeKernels)), "unsupported")
})

test("CRC-32 gives the known answer", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926)
})
