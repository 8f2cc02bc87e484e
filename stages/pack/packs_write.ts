/** Gathers blocks into packs and writes them, then the index of what was written. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { catching } from "../kernel/catching.ts"
import { KernelError, Kernels, makeKernel } from "../kernel/kernel.ts"
import { chunkCount } from "../hash/chunk_list.ts"
import { packsAtOnce } from "../store/at_once.ts"
import { encodeTail, type FooterBlock } from "./pack_file.ts"
import { freshId, type ObjectLayout, objectName, type PackLayout } from "./pack_layout.ts"
import { dividedByIndex, encodePackList, INDEX_CHUNKS, listedChunks, type ListedPack, prefixesOf } from "./pack_list.ts"
import { type PackSink, packSink } from "./pack_sink.ts"
import type { PackStore } from "./pack_store.ts"
import type { Packer } from "./packing.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { makeUploads } from "../store/uploads.ts"

/**
 * A pack is closed when it has so many chunks: its footer is then 2.25 MiB, of which a few copies are in memory while
 * it is sealed.
 */
const PACK_CHUNKS = 1 << 16
/** A pack that is being filled. */
interface Filling {
  readonly id: Uint8Array
  readonly header: Uint8Array
  readonly sink: PackSink
  readonly blocks: Array<FooterBlock>
  /** Of the blocks. */
  bytes: number
  chunks: number
}

/** A packer over packs; one pack is being filled while those before it are being written, see {@link packsAtOnce}. */
export const writePacks: (
  layout: PackLayout,
  opened: Effect.Effect<PackStore, StoreError, ObjectStore>,
) => Effect.Effect<Packer, StoreError, ObjectStore | Scope.Scope> = Effect.fnUntraced(function* (layout, opened) {
  const store = yield* ObjectStore
  const scope = yield* Scope.Scope
  const table = yield* Kernels
  const packCipher = makeKernel(layout.packs.cipher, table)
  const indexCipher = makeKernel(layout.indexes.cipher, table)
  const known = yield* opened
  const uploads = yield* makeUploads<StoreError>(packsAtOnce(store, layout.size))

  let objects = 0
  let bytesStored = 0
  let chunksNew = 0
  let bytesAdded = 0
  let filling: Filling | undefined
  let listed: Array<ListedPack> = [...known.orphans]

  const put = (kind: ObjectLayout, id: Uint8Array, parts: ReadonlyArray<Uint8Array>): Effect.Effect<void, StoreError> =>
    Effect.suspend(() => {
      objects++
      for (const part of parts) bytesStored += part.length
      return store.put(objectName(kind, id), parts, { unique: true })
    })

  const open = Effect.fnUntraced(function* () {
    const id = freshId()
    const header = layout.packs.header(id)
    const sink = yield* Scope.provide(packSink(store, objectName(layout.packs, id), header), scope)
    return filling = { id, header, sink, blocks: [], bytes: 0, chunks: 0 }
  })

  const close = Effect.fnUntraced(function* () {
    if (filling === undefined) return
    const { blocks, bytes, header, id, sink } = filling
    filling = undefined
    const tail = yield* catching(KernelError, () => encodeTail(blocks, layout.packs.context(id), packCipher))
    const size = header.length + bytes + tail.length
    listed.push({ id, size, footerLength: tail.length - 12, prefixes: prefixesOf(blocks) })
    objects++
    bytesStored += size
    yield* uploads.start(sink.end(tail))
    if (listedChunks(listed) >= INDEX_CHUNKS) yield* writeIndex
  })

  const writeIndex = Effect.suspend(() =>
    listed.length === 0 ? Effect.void : Effect.gen(function* () {
      // A pack that an index lists is there.
      yield* uploads.settle
      const all = listed
      listed = []
      for (const packs of dividedByIndex(all)) {
        const id = freshId()
        yield* put(layout.indexes, id, [
          layout.indexes.header(id),
          yield* catching(KernelError, () => indexCipher.seal(encodePackList(packs), layout.indexes.context(id))),
        ])
      }
    })
  )

  const packer: Packer = {
    blockBytes: layout.blockBytes,
    index: known.index,
    has: (id) => known.index.get(id) !== undefined,
    claim: (id) => known.index.claim(id),
    add: Effect.fnUntraced(function* (blocks) {
      for (const { bytes, chunks, rawLength } of blocks) {
        // Who copies may bring blocks of more chunks than are gathered here.
        if (filling !== undefined && filling.chunks + chunkCount(chunks) >= 2 * PACK_CHUNKS) yield* close()
        const pack = filling ?? (yield* open())
        pack.blocks.push({ length: bytes.length, chunks })
        pack.bytes += bytes.length
        pack.chunks += chunkCount(chunks)
        chunksNew += chunkCount(chunks)
        bytesAdded += rawLength
        yield* pack.sink.append(bytes)
        if (pack.bytes >= layout.size || pack.chunks >= PACK_CHUNKS) yield* close()
      }
    }),
    finish: Effect.suspend(() => close()).pipe(Effect.andThen(uploads.settle), Effect.andThen(writeIndex)),
    stats: () => ({ objects, bytesStored, chunksNew, bytesAdded }),
  }
  return packer
})
