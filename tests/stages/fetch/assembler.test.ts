/** Contents are put together from blocks. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { concat } from "effect/Bytes"
import { type Assembler, decodingSpec, makeAssembler } from "../../../stages/fetch/assembler.ts"
import { decodeHere } from "../../../stages/fetch/decoding.ts"
import { makeBlockDecoders } from "../../../stages/kernel/codec.ts"
import type { Recipe } from "../../../stages/plan/recipe.ts"
import { sha256 } from "../../../stages/hash/sha256.ts"
import { ChunkListBuilder } from "../../../stages/hash/chunk_list.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"
import type { BlockPlace, Unpacker } from "../../../stages/pack/packing.ts"
import { giveBack } from "../../../stages/memory/lent.ts"
import { packs } from "../../../stages/pack/packs.ts"

/** An assembler that decodes on this thread. */
const assemblerOf = (recipe: Recipe, unpacker: Unpacker, repeated?: (id: Uint8Array) => boolean): Assembler => {
  const { decoders, hasher } = decodingSpec(recipe, unpacker)
  const decode = decodeHere(makeBlockDecoders(decoders, {}, {}), makeKernel(hasher))
  return makeAssembler(recipe, { unpacker, table: {}, decode, repeated })
}

test("a content keeps at most twice its length in memory: a small part of a block is copied", async () => {
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
    const assembler = assemblerOf({ packing: packs(), kernels: [sha256, "unchunk"] }, unpacker)
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

/** Reads 200,000 bytes: a block of one chunk, then one of two chunks, both fetched together. */
const readPieces = async (sealed: boolean) => {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i >>> 3)
  const hasher = makeKernel(sha256, {})
  const first: BlockPlace = { object: "pack", offset: 0, length: 100_000, rawLength: 100_000 }
  const second: BlockPlace = { ...first, offset: 100_000 }
  const places = [
    { block: first, from: 0, to: 100_000 },
    { block: second, from: 0, to: 50_000 },
    { block: second, from: 50_000, to: 100_000 },
  ]
  const unpacker: Unpacker = {
    locate: () => Effect.succeed(places),
    get: ({ length, offset }) => Effect.sync(() => bytes.slice(offset, offset + length)),
  }
  const list = new ChunkListBuilder()
  for (const { block, from, to } of places) {
    list.add(hasher.digest(bytes.subarray(block.offset + from, block.offset + to)), to - from)
  }
  const copy = (bytes: Uint8Array): Uint8Array => bytes.slice()
  const copying = {
    stage: "compress",
    name: "copying",
    params: {},
    make: () => ({ encode: copy, decode: copy }),
  } as const
  const recipe = { packing: packs(), kernels: [...(sealed ? [copying] : []), sha256, "unchunk"] } as const
  const [pieces] = await Effect.runPromise(assemblerOf(recipe, unpacker).read([list.take()]))
  assert.ok(pieces !== undefined && !("damage" in pieces))
  assert.deepEqual(concat(pieces), bytes)
  return pieces
}
const lengths = (pieces: ReadonlyArray<Uint8Array>) => pieces.map(({ length }) => length)

test("memory is freed when all views of it were given back, unless a cache still has it", async () => {
  const pieces = await readPieces(true)
  giveBack(pieces.slice(1))
  giveBack(pieces.slice(1))
  assert.deepEqual(lengths(pieces), [100_000, 50_000, 50_000], "the block of two chunks is kept for other contents")
  giveBack(pieces)
  assert.deepEqual(lengths(pieces), [0, 50_000, 50_000])
})

test("blocks that share the memory of what was fetched are not freed one by one", async () => {
  const pieces = await readPieces(false)
  giveBack(pieces)
  assert.deepEqual(lengths(pieces), [100_000, 50_000, 50_000])
})

test("a chunk that is wanted again is kept, so that its block is decoded once", async () => {
  const hasher = makeKernel(sha256, {})
  // Ten chunks in each block, and more blocks than are kept.
  const blocks = Array.from(
    { length: 12 },
    (_, n) => Uint8Array.from({ length: 1 << 20 }, (_, i) => (i >>> 10) * (n + 1)),
  )
  const wanted = blocks.flatMap((bytes, n) => {
    const block: BlockPlace = { object: `pack ${n}`, offset: 0, length: bytes.length, rawLength: bytes.length }
    return [0, 1, 2, 3].map((i) => ({ block, from: i * 100_000, to: (i + 1) * 100_000 }))
  })
  const bytesOf = ({ block, from, to }: typeof wanted[number]): Uint8Array =>
    blocks[Number(block.object.slice(5))]!.subarray(from, to)
  const listOf = (place: typeof wanted[number]): Uint8Array => {
    const list = new ChunkListBuilder()
    list.add(hasher.digest(bytesOf(place)), place.to - place.from)
    return list.take()
  }
  const again = wanted.filter((_, i) => i % 4 === 2)
  const getsWith = async (repeated?: (id: Uint8Array) => boolean): Promise<number> => {
    let gets = 0
    let places = wanted
    const unpacker: Unpacker = {
      locate: () => Effect.sync(() => places),
      get: ({ object }) => Effect.sync(() => (gets++, blocks[Number(object.slice(5))]!.slice())),
    }
    const recipe = { packing: packs(), kernels: [sha256, "unchunk"] } as const
    const assembler = assemblerOf(recipe, unpacker, repeated)
    for (places of [wanted, again, again]) {
      const contents = await Effect.runPromise(assembler.read(places.map(listOf)))
      for (const [i, pieces] of contents.entries()) {
        assert.ok(!("damage" in pieces))
        assert.deepEqual(concat(pieces), bytesOf(places[i]!))
        giveBack(pieces)
      }
    }
    return gets
  }
  const ids = again.map((place) => listOf(place).subarray(0, 32))
  assert.equal(await getsWith((id) => ids.some((one) => one.every((byte, i) => byte === id[i]))), 12)
  assert.ok(await getsWith() > 12)
})
