/** Which other packs of a chunk are known, whatever the indexes list. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { noEncryption } from "../../../stages/encrypt/none.ts"
import { ChunkIndex } from "../../../stages/pack/chunk_index.ts"
import { type ListedPack, PREFIX_BYTES } from "../../../stages/pack/index_file.ts"
import { findOtherPacks, MOST_OTHER_PACKS } from "../../../stages/pack/other_packs.ts"
import { FOOTER_BYTES, objectName, type PackLayout, plainLayout } from "../../../stages/pack/pack_layout.ts"
import type { PackStore } from "../../../stages/pack/pack_store.ts"
import { ciphersOf } from "../../../stages/pack/sealing.ts"
import { ObjectStore } from "../../../stages/store/store.ts"

const layout: PackLayout = {
  packs: plainLayout("packs/", ".pack", "PENSPACK", noEncryption),
  indexes: plainLayout("indexes/", ".index", "PENSINDX", noEncryption),
  size: 16 << 20,
  blockBytes: 1 << 20,
  footerBytes: FOOTER_BYTES,
}

test("a chunk that very many packs list has few other packs, and time does not grow with the square of them", () =>
  Effect.runPromise(Effect.gen(function* () {
    const chunk = new Uint8Array(32).fill(7)
    const listed = Array.from({ length: 20_000 }, (_, n): ListedPack => {
      const id = new Uint8Array(32)
      new DataView(id.buffer).setUint32(0, n)
      // Each names the chunk twice.
      const prefixes = new Uint8Array(2 * PREFIX_BYTES).fill(7)
      return { id, prefixes, size: 1000, footerLength: 100, tag: new Uint8Array(0) }
    })
    const index = new ChunkIndex()
    index.set(chunk, 0)
    const packs = listed.map((pack) => ({
      ...pack,
      object: objectName(layout.packs, pack.id),
      chunks: 2,
      indexed: false,
    }))
    const known: PackStore = { index, packs, orphans: listed, lost: [], damaged: [], indexes: 0 }
    const otherPack = yield* Effect.provideService(
      findOtherPacks(layout, ciphersOf({}), known),
      ObjectStore,
      yield* memoryStore.make(),
    )
    const others = Array.from({ length: MOST_OTHER_PACKS }, (_, n) => otherPack(chunk, n + 1))
    assert.deepEqual(others, others.map((_, n) => n + 1))
    assert.equal(otherPack(chunk, MOST_OTHER_PACKS + 1), undefined)
  })))
