import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import { Effect, Stream } from "effect"
import fc from "fast-check"
import { type FetchChunks, openSliced } from "../../../../stages/catalog/slices/read.ts"
import {
  CATALOG_SLICES,
  levelsOf,
  type SlicedFile,
  SliceError,
  type SliceLayout,
} from "../../../../stages/catalog/slices/slices.ts"
import { type SliceSink, storeSliced } from "../../../../stages/catalog/slices/write.ts"

const SMALL: SliceLayout = { sliceBytes: 256, fanOut: 2, topNames: 3, nameBytes: 32 }

/** A place for chunks, which counts what it gets and gives. */
const makeChunks = (nameBytes = 32) => {
  const byName = new Map<string, Uint8Array>()
  const given: Array<number> = []
  const sink: SliceSink = {
    nameOf: (bytes) => blake3(bytes, { dkLen: nameBytes }),
    isStored: (name) => byName.has(bytesToHex(name)),
    store: (chunks) =>
      Effect.sync(() => {
        for (const { bytes, name } of chunks) byName.set(bytesToHex(name), bytes.slice())
      }),
  }
  const fetch: FetchChunks = (chunks) =>
    Effect.sync(() => {
      given.push(chunks.length)
      return chunks.map(({ length, name }) => {
        const bytes = byName.get(bytesToHex(name))!
        assert.equal(bytes.length, length)
        return bytes
      })
    })
  return { byName, given, sink, fetch }
}

const patterned = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 17) % 251)

const stored = (content: Uint8Array, layout: SliceLayout, sink: SliceSink, pieceBytes = 1000) => {
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < content.length; at += pieceBytes) pieces.push(content.subarray(at, at + pieceBytes))
  return Effect.runPromise(storeSliced(Stream.fromIterable(pieces), content.length, layout, sink))
}

const refused = async (file: SlicedFile, fetch: FetchChunks = () => Effect.succeed([])): Promise<SliceError> =>
  await Effect.runPromise(
    Effect.flip(Effect.flatMap(openSliced(file, fetch), (open) => open.read([0], 1))) as Effect.Effect<SliceError>,
  )

describe("a file in slices", () => {
  it("is read as it was stored, in pieces of any place and length", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(9000),
        fc.integer({ min: 1, max: 3000 }),
        fc.record({
          sliceBytes: fc.integer({ min: 256, max: 700 }),
          fanOut: fc.integer({ min: 2, max: 5 }),
          topNames: fc.integer({ min: 5, max: 9 }),
          nameBytes: fc.integer({ min: 16, max: 64 }),
        }),
        fc.array(fc.tuple(fc.nat(10_000), fc.nat(10_000)), { maxLength: 8 }),
        async (size, pieceBytes, layout, places) => {
          const { fetch, sink } = makeChunks(layout.nameBytes)
          const content = patterned(size)
          const { file } = await stored(content, layout, sink, pieceBytes)
          const open = await Effect.runPromise(openSliced(file, fetch, { cacheBytes: 600 }))
          assert.equal(open.size, size)
          for (const [a, b] of places) {
            const length = size === 0 ? 0 : a % (size + 1)
            const offsets = [b % (size - length + 1), 0, size - length]
            const pieces = await Effect.runPromise(open.read(offsets, length))
            offsets.forEach((at, i) => assert.deepEqual(pieces[i], content.slice(at, at + length)))
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it("stores only the slices that changed and the lists above them, and nothing when all is there", async () => {
    const { byName, sink } = makeChunks()
    const content = patterned(2_000_000)
    const first = await stored(content, CATALOG_SLICES, sink, 64_000)
    assert.equal(first.chunks, byName.size)
    assert.equal((await stored(content, CATALOG_SLICES, sink)).chunks, 0)
    content[1_000_000]! ^= 1
    const second = await stored(content, CATALOG_SLICES, sink)
    // A slice, its list, and the top list of 123 names, because 1,954 slices need 123 lists.
    assert.deepEqual([second.chunks, second.bytes], [3, 1024 + 16 * 32 + 123 * 32])
    const longer = new Uint8Array(2_000_500)
    longer.set(content)
    assert.equal((await stored(longer, CATALOG_SLICES, sink)).chunks, 3)
    // What was lost is stored once more.
    const [lost] = byName.keys()
    byName.delete(lost!)
    assert.equal((await stored(longer, CATALOG_SLICES, sink)).chunks, 1)
  })

  it("asks once for each level, and not again for what it keeps", async () => {
    const { fetch, given, sink } = makeChunks()
    const content = patterned(300 * 256)
    const { file } = await stored(content, SMALL, sink)
    const levels = levelsOf(content.length, SMALL)
    assert.deepEqual(levels.map(({ count }) => count), [300, 150, 75, 38, 19, 10, 5, 3, 1])
    const open = await Effect.runPromise(openSliced(file, fetch))
    await Effect.runPromise(open.read([0, 40_000, 70_000], 100))
    assert.equal(given.length, levels.length)
    await Effect.runPromise(open.read([0, 40_000, 70_000], 100))
    assert.equal(given.length, levels.length)
  })

  it("refuses lengths, layouts and chunks that cannot be", async () => {
    const top = new Uint8Array(32)
    for (
      const wrong of [
        { size: 2 ** 41 },
        { size: -1 },
        { size: 1.5 },
        { sliceBytes: 1 },
        { sliceBytes: 2 ** 30 },
        { fanOut: 1 },
        { fanOut: 2000 },
        { topNames: 15 },
        { topNames: 1e6 },
        { nameBytes: 8 },
        { nameBytes: 65 },
        { top: undefined },
        { top: new Uint8Array(31) },
      ]
    ) {
      const error = await refused({ ...CATALOG_SLICES, size: 5000, top, ...wrong })
      assert.ok(error instanceof SliceError && error.reason === "layout", JSON.stringify(wrong))
    }
    const file = { ...CATALOG_SLICES, size: 5000, top }
    // Five names are expected. A chunk that names itself is too short to be a slice.
    for (const bytes of [[], [new Uint8Array(4 * 32)], [new Uint8Array(6 * 32)], [new Uint8Array(1 << 20)]]) {
      assert.equal((await refused(file, () => Effect.succeed(bytes))).reason, "corrupt")
    }
    assert.equal((await refused(file, () => Effect.succeed([new Uint8Array(5 * 32)]))).reason, "corrupt")
    const { fetch, sink } = makeChunks()
    const { file: whole } = await stored(patterned(5000), CATALOG_SLICES, sink)
    const open = await Effect.runPromise(openSliced(whole, fetch))
    for (const [at, length] of [[4999, 2], [-1, 1], [0, 5001], [NaN, 1]] as const) {
      const error = await Effect.runPromise(Effect.flip(open.read([at], length)))
      assert.match(error.message, /^A file of 5000 bytes has no/)
    }
  })

  it("refuses a content of another length than was said", async () => {
    for (const size of [0, 4999, 5001]) {
      const { sink } = makeChunks()
      const storing = storeSliced(Stream.succeed(patterned(5000)), size, CATALOG_SLICES, sink)
      const error = await Effect.runPromise(Effect.flip(storing))
      assert.match(error.message, size < 5000 ? /its content has more/ : /its content has fewer/)
    }
    const { sink } = makeChunks(20)
    const error = await Effect.runPromise(Effect.flip(storeSliced(Stream.succeed(patterned(9)), 9, SMALL, sink)))
    assert.match(error.message, /has 20 bytes, where the layout says 32/)
  })
})
