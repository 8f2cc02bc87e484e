/** Contents from blocks. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { makeAssembler } from "../../stages/assemble.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import { ChunkListBuilder } from "../../stages/hash/chunk_list.ts"
import { makeKernel } from "../../stages/kernel.ts"
import type { BlockPlace, Unpacker } from "../../stages/pack/packing.ts"
import { packs } from "../../stages/pack/packs.ts"

const copy = (bytes: Uint8Array): Uint8Array => bytes.slice()

test("a content keeps no more in memory than twice its length: what is a small part of a block is copied", async () => {
  const block = Uint8Array.from({ length: 100_000 }, (_, i) => i >>> 3)
  const place: BlockPlace = { object: "pack", offset: 0, length: block.length, rawLength: block.length }
  const hasher = makeKernel(sha256, {})
  const listOf = (from: number, to: number): Uint8Array => {
    const list = new ChunkListBuilder()
    list.add(hasher.digest(block.subarray(from, to)), to - from)
    return list.take()
  }
  let gets = 0
  const read = async (...ranges: ReadonlyArray<readonly [number, number]>) => {
    const places = ranges.map(([from, to]) => ({ block: place, from, to }))
    const unpacker: Unpacker = {
      locate: () => Effect.succeed(places),
      get: () => Effect.sync(() => (gets++, block.slice())),
    }
    const assembler = makeAssembler({ packing: packs(), kernels: [sha256, "unchunk"] }, unpacker, {})
    const contents = await Effect.runPromise(assembler.read(ranges.map(([from, to]) => listOf(from, to))))
    return contents.map((pieces, i) => {
      assert.ok(!("damage" in pieces))
      const [from, to] = ranges[i]!
      assert.deepEqual(pieces[0], block.subarray(from, to))
      return pieces[0]!.buffer.byteLength
    })
  }
  assert.deepEqual(await read([10, 20], [30, 60]), [10, 30])
  assert.deepEqual(await read([0, 40_000], [40_000, 80_000]), [100_000, 100_000])
  assert.equal(gets, 2, "a block is fetched once")
})

test("only pieces whose memory nothing else has are freed", async () => {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i >>> 3)
  const hasher = makeKernel(sha256, {})
  const places = [[0, 100_000, 0, 100_000], [100_000, 100_000, 0, 50_000], [100_000, 100_000, 50_000, 100_000]]
    .map(([offset, length, from, to]) => ({ offset: offset!, length: length!, from: from!, to: to! }))
  const blocks = new Map<number, BlockPlace>()
  const unpacker: Unpacker = {
    locate: () =>
      Effect.succeed(places.map(({ from, length, offset, to }) => {
        const block = blocks.get(offset) ?? { object: "pack", offset, length, rawLength: length }
        blocks.set(offset, block)
        return { block, from, to }
      })),
    get: ({ length, offset }) => Effect.sync(() => bytes.slice(offset, offset + length)),
  }
  const list = new ChunkListBuilder()
  for (const { from, offset, to } of places) {
    list.add(hasher.digest(bytes.subarray(offset + from, offset + to)), to - from)
  }
  // The decoded block is not the fetched bytes, as is the case with a cipher.
  const copying = {
    stage: "compress",
    name: "copying",
    params: {},
    make: () => ({ encode: copy, decode: copy }),
  } as const
  const assembler = makeAssembler({ packing: packs(), kernels: [copying, sha256, "unchunk"] }, unpacker, {})
  const [pieces] = await Effect.runPromise(assembler.read([list.take()]))
  assert.ok(pieces !== undefined && !("damage" in pieces))
  assert.deepEqual(pieces.map(({ length }) => length), [100_000, 50_000, 50_000])
  assembler.free(pieces)
  assembler.free(pieces)
  assert.deepEqual(pieces.map(({ length }) => length), [0, 50_000, 50_000])
  assert.deepEqual(pieces[2], bytes.subarray(150_000))
})
