/** Finds chunks in packs. */
import * as Effect from "effect/Effect"
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { Kernels, makeKernel } from "../kernel.ts"
import { PENDING } from "./chunk_index.ts"
import { PackDirectory } from "./pack_file.ts"
import type { PackLayout } from "./pack_layout.ts"
import { lostPackOf, openPackStore, readFooter } from "./pack_store.ts"
import { type ChunkLost, type ChunkPlace, PackError, type Unpacker } from "./packing.ts"
import { ObjectStore, type StoreError } from "./store.ts"

/** Directories of packs that are kept in memory. */
const KEPT_DIRECTORIES = 64

/** An unpacker over packs. */
export const readPacks: (layout: PackLayout) => Effect.Effect<Unpacker, StoreError, ObjectStore> = Effect.fnUntraced(
  function* (layout) {
    const store = yield* ObjectStore
    const cipher = makeKernel(layout.packs.cipher, yield* Kernels)
    const known = yield* openPackStore(layout)
    const lostPack = lostPackOf(known.lost)
    const lost = (id: Uint8Array): ChunkLost => {
      const pack = lostPack(id)
      return {
        lost: pack === undefined
          ? "no pack lists a part of it"
          : `a part of it was in ${pack}, which is missing or damaged`,
      }
    }
    const directories = new Map<number, PackDirectory | ChunkLost>()

    const directory = (pack: number): Effect.Effect<PackDirectory | ChunkLost, StoreError> => {
      const kept = directories.get(pack)
      if (kept !== undefined) {
        directories.delete(pack)
        directories.set(pack, kept)
        return Effect.succeed(kept)
      }
      const info = known.packs[pack]!
      return readFooter(layout, store, cipher, info).pipe(
        Effect.map(({ blocks }): PackDirectory | ChunkLost =>
          new PackDirectory(info.object, layout.packs.headerBytes, blocks)
        ),
        Effect.catch((error): Effect.Effect<ChunkLost, StoreError> =>
          error instanceof PackError || error.reason === "not-found" || error.reason === "corrupt"
            ? Effect.succeed({ lost: error.message })
            : Effect.fail(error)
        ),
        Effect.tap((found) =>
          Effect.sync(() => {
            directories.set(pack, found)
            if (directories.size > KEPT_DIRECTORIES) directories.delete(directories.keys().next().value!)
          })
        ),
      )
    }

    const unpacker: Unpacker = {
      locate: Effect.fnUntraced(function* (list) {
        const places: Array<ChunkPlace | ChunkLost> = []
        for (let i = 0; i < chunkCount(list); i++) {
          const id = chunkId(list, i)
          const pack = known.index.get(id)
          if (pack === undefined || pack === PENDING) {
            places.push(lost(id))
            continue
          }
          const kept = directories.get(pack)
          const found = kept ?? (yield* directory(pack))
          places.push("lost" in found ? found : found.find(id) ?? lost(id))
        }
        return places
      }),
      get: ({ object, offset, length }) => store.get(object, { offset, length }),
    }
    return unpacker
  },
)
