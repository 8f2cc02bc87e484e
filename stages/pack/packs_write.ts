/** Gathers blocks into packs and writes them, then writes indexes of the packs. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { chunkCount } from "../hash/chunk_list.ts"
import { catching } from "../kernel/catching.ts"
import { KernelError, Kernels } from "../kernel/kernel.ts"
import { packsAtOnce } from "../store/at_once.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { makeUploads } from "../store/uploads.ts"
import { INDEX_CHUNKS, listedChunks, listedOf, type ListedPack } from "./index_file.ts"
import { writeIndexes } from "./indexes.ts"
import { encodeTail, type FooterBlock, TRAILER_BYTES } from "./pack_file.ts"
import { freshId, objectName, type PackLayout } from "./pack_layout.ts"
import { type PackSink, packSink } from "./pack_sink.ts"
import type { PackStore } from "./pack_store.ts"
import type { Packer } from "./packing.ts"
import { ciphersOf } from "./sealing.ts"

/**
 * A pack is closed when it has this many chunks. Its footer then has 2.25 MiB, and a few copies of it are in memory
 * while it is encrypted.
 */
const PACK_CHUNKS = 1 << 16

/** A pack that is being filled. */
interface Filling {
  readonly id: Uint8Array
  readonly header: Uint8Array
  readonly sink: PackSink
  readonly blocks: Array<FooterBlock>
  /** Bytes of the blocks. */
  bytes: number
  chunks: number
}

/**
 * A packer over packs. One pack is filled while those before it are on their way to the store. {@link packsAtOnce} says
 * how many may be.
 */
export const writePacks: (
  layout: PackLayout,
  packStore: Effect.Effect<PackStore, StoreError, ObjectStore>,
) => Effect.Effect<Packer, StoreError | KernelError, ObjectStore | Scope.Scope> = Effect.fnUntraced(
  function* (layout, packStore) {
    const store = yield* ObjectStore
    const scope = yield* Scope.Scope
    const ciphers = ciphersOf(yield* Kernels)
    const sealing = yield* layout.packs.fresh
    const known = yield* packStore
    const uploads = yield* makeUploads<StoreError>(packsAtOnce(store, layout.size))

    let objects = 0
    let bytesStored = 0
    let chunksNew = 0
    let bytesAdded = 0
    let filling: Filling | undefined
    let listed: Array<ListedPack> = [...known.orphans]

    const startPack = Effect.fnUntraced(function* () {
      const id = freshId()
      const header = sealing.header(id)
      const sink = yield* Scope.provide(packSink(store, objectName(layout.packs, id), header), scope)
      return filling = { id, header, sink, blocks: [], bytes: 0, chunks: 0 }
    })

    const closePack = Effect.fnUntraced(function* () {
      if (filling === undefined) return
      const { blocks, bytes, header, id, sink } = filling
      filling = undefined
      const tail = yield* catching(
        KernelError,
        () => encodeTail(blocks, { context: sealing.context(id), tag: sealing.tag }, ciphers(sealing.cipher)),
      )
      const size = header.length + bytes + tail.length
      const length = tail.length - sealing.tag.length - TRAILER_BYTES
      listed.push(listedOf({ id, size }, { blocks, length, sealing }))
      objects++
      bytesStored += size
      yield* uploads.start(sink.end(tail))
      if (listedChunks(listed) >= INDEX_CHUNKS) yield* listPacks
    })

    /** Writes indexes of the packs that none lists yet. */
    const listPacks = Effect.suspend(() =>
      listed.length === 0 ? Effect.void : Effect.gen(function* () {
        // An index may list a pack only when the pack is there.
        yield* uploads.settle
        const all = listed
        listed = []
        const written = yield* writeIndexes(layout, store, ciphers, all)
        objects += written.objects
        bytesStored += written.bytes
      })
    )

    const packer: Packer = {
      blockBytes: layout.blockBytes,
      index: known.index,
      has: (id) => known.index.get(id) !== undefined,
      claim: (id) => known.index.claim(id),
      add: Effect.fnUntraced(function* (blocks) {
        for (const { bytes, chunks, rawLength } of blocks) {
          // A copy may bring blocks of more chunks than are gathered here.
          if (filling !== undefined && filling.chunks + chunkCount(chunks) >= 2 * PACK_CHUNKS) yield* closePack()
          const pack = filling ?? (yield* startPack())
          pack.blocks.push({ length: bytes.length, chunks })
          pack.bytes += bytes.length
          pack.chunks += chunkCount(chunks)
          chunksNew += chunkCount(chunks)
          bytesAdded += rawLength
          yield* pack.sink.append(bytes)
          if (pack.bytes >= layout.size || pack.chunks >= PACK_CHUNKS) yield* closePack()
        }
      }),
      finish: Effect.suspend(() => closePack()).pipe(Effect.andThen(uploads.settle), Effect.andThen(listPacks)),
      stats: () => ({ objects, bytesStored, chunksNew, bytesAdded }),
    }
    return packer
  },
)
