/** Very many small chunks: no pack and no index of them is large, and all chunks are found again. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { chunkId, ChunkListBuilder } from "../../../stages/hash/chunk_list.ts"
import { openPackStore } from "../../../stages/pack/pack_store.ts"
import { packsOf } from "../../../stages/pack/packs.ts"
import { FOOTER_BYTES, type PackLayout, plainLayout } from "../../../stages/pack/pack_layout.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { noEncryption } from "../../../stages/encrypt/none.ts"

const BLOCKS = 20
const CHUNKS = 10_000
const layout: PackLayout = {
  packs: plainLayout("packs/", ".pack", "PENSPACK", noEncryption),
  indexes: plainLayout("indexes/", ".index", "PENSINDX", noEncryption),
  size: 16 << 20,
  blockBytes: 1 << 20,
  footerBytes: FOOTER_BYTES,
}

/** A block of chunks of one byte each. The IDs follow from their numbers. */
const block = (n: number) => {
  const list = new ChunkListBuilder()
  for (let i = 0; i < CHUNKS; i++) {
    const id = new Uint8Array(32)
    for (let at = 0, x = n * CHUNKS + i + 1; at < 32; at++) {
      id[at] = (x = Math.imul(x ^ x >>> 15, 0x2c1b3c6d) + at) >>> 24
    }
    list.add(id, 1)
  }
  return { chunks: list.take(), rawLength: CHUNKS, bytes: new Uint8Array(CHUNKS) }
}

it(`${BLOCKS * CHUNKS} chunks go into packs of about 65,536 and indexes of about 131,072, and are all found`, () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    const inStore = Effect.provideService(ObjectStore, store)
    const blocks = Array.from({ length: BLOCKS }, (_, n) => block(n))
    const packer = yield* inStore(packsOf(layout).write)
    for (const one of blocks) {
      for (let i = 0; i < CHUNKS; i++) assert.ok(packer.claim(chunkId(one.chunks, i)))
      yield* inStore(packer.add([one]))
    }
    yield* inStore(packer.finish)

    const sizes = (directory: string) =>
      Effect.map(Stream.runCollect(store.list(directory)), (found) => found.map(({ size }) => size))
    const packs = yield* sizes("packs/")
    assert.equal(packs.length, 3)
    // 70,000 chunks at most: a byte each, and 36 in the footer.
    for (const size of packs) assert.ok(size < 70_000 * 37 + 1000, `a pack of ${size} bytes`)
    const indexes = yield* sizes("indexes/")
    assert.equal(indexes.length, 2)
    for (const size of indexes) assert.ok(size < 140_000 * 16 + 1000, `an index of ${size} bytes`)

    const known = yield* inStore(openPackStore(layout))
    assert.deepEqual([known.packs.length, known.indexes, known.damaged.length], [3, 2, 0])
    assert.equal(known.index.size, BLOCKS * CHUNKS)
    for (const { chunks } of blocks) {
      for (let i = 0; i < CHUNKS; i++) assert.notEqual(known.index.get(chunkId(chunks, i)), undefined)
    }
  }))))
