/** Gathers blocks into packs and writes them, then the index of what was written. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { catching } from "../error.ts"
import { KernelError, Kernels, makeKernel } from "../kernel.ts"
import type { Block } from "../lane.ts"
import { chunkCount } from "../hash/chunk_list.ts"
import { encodeTail } from "./pack_file.ts"
import { freshId, type ObjectLayout, objectName, type PackLayout } from "./pack_layout.ts"
import { encodePackList, type ListedPack, PREFIX_BYTES, prefixesOf } from "./pack_list.ts"
import { openPackStore } from "./pack_store.ts"
import type { Packer } from "./packing.ts"
import { release } from "../release.ts"
import { ObjectStore, type StoreError } from "./store.ts"

/** An index object is written when so many chunks are to be listed. */
const INDEX_CHUNKS = 1 << 20

/** A packer over packs; one pack is being filled while the one before it is being written. */
export const writePacks: (
  layout: PackLayout,
) => Effect.Effect<Packer, StoreError, ObjectStore | Scope.Scope> = Effect.fnUntraced(function* (layout) {
  const store = yield* ObjectStore
  const scope = yield* Scope.Scope
  const table = yield* Kernels
  const packCipher = makeKernel(layout.packs.cipher, table)
  const indexCipher = makeKernel(layout.indexes.cipher, table)
  const known = yield* openPackStore(layout)

  let objects = 0
  let bytesStored = 0
  let chunksNew = 0
  let bytesAdded = 0
  let filling: Array<Block> = []
  let filled = 0
  let listed: Array<ListedPack> = [...known.orphans]
  let writing: Fiber.Fiber<void, StoreError> | undefined

  const put = (kind: ObjectLayout, id: Uint8Array, parts: ReadonlyArray<Uint8Array>): Effect.Effect<void, StoreError> =>
    Effect.suspend(() => {
      objects++
      for (const part of parts) bytesStored += part.length
      return store.put(objectName(kind, id), parts)
    })

  const settle = Effect.suspend(() => {
    const fiber = writing
    writing = undefined
    return fiber === undefined ? Effect.void : Fiber.join(fiber)
  })

  const close = Effect.fnUntraced(function* () {
    if (filling.length === 0) return
    const blocks = filling
    filling = []
    filled = 0
    const id = freshId()
    const header = layout.packs.header(id)
    const tail = yield* catching(
      KernelError,
      () => encodeTail(blocks.map(({ bytes, chunks }) => ({ length: bytes.length, chunks })), header, packCipher),
    )
    const parts = [header, ...blocks.map(({ bytes }) => bytes), tail]
    yield* settle
    // Not released when it fails or is interrupted: then a write may still be reading.
    const written = Effect.tap(put(layout.packs, id, parts), () =>
      Effect.sync(() => {
        for (const { bytes } of blocks) release(bytes)
      }))
    const size = parts.reduce((n, part) => n + part.length, 0)
    listed.push({ id, size, footerLength: tail.length - 12, prefixes: prefixesOf(blocks) })
    writing = yield* Effect.forkIn(written, scope)
    if (listed.reduce((n, { prefixes }) => n + prefixes.length / PREFIX_BYTES, 0) >= INDEX_CHUNKS) yield* writeIndex
  })

  const writeIndex = Effect.suspend(() =>
    listed.length === 0 ? Effect.void : Effect.gen(function* () {
      yield* settle
      const id = freshId()
      const header = layout.indexes.header(id)
      const packs = listed
      listed = []
      yield* put(layout.indexes, id, [
        header,
        yield* catching(KernelError, () => indexCipher.seal(encodePackList(packs), header)),
      ])
    })
  )

  const packer: Packer = {
    blockBytes: layout.blockBytes,
    index: known.index,
    has: (id) => known.index.get(id) !== undefined,
    claim: (id) => known.index.claim(id),
    add: Effect.fnUntraced(function* (blocks) {
      for (const block of blocks) {
        filling.push(block)
        filled += block.bytes.length
        chunksNew += chunkCount(block.chunks)
        bytesAdded += block.rawLength
        if (filled >= layout.size) yield* close()
      }
    }),
    finish: Effect.suspend(() => close()).pipe(Effect.andThen(settle), Effect.andThen(writeIndex)),
    stats: () => ({ objects, bytesStored, chunksNew, bytesAdded }),
  }
  return packer
})
