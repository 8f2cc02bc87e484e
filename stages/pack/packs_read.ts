/** Finds chunks in packs. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { Kernels } from "../kernel/kernel.ts"
import { Recent } from "../memory/recent.ts"
import { requestsAtOnce } from "../store/at_once.ts"
import { fetchingFrom } from "../store/fetching.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"
import { PENDING } from "./chunk_index.ts"
import { nearPacks } from "./near_packs.ts"
import { findOtherPacks, OnOtherPack, type OtherPacks } from "./other_packs.ts"
import { PackDirectory } from "./pack_directory.ts"
import { readFooter } from "./pack_ends.ts"
import type { PackLayout } from "./pack_layout.ts"
import { lostPackOf, type PackStore } from "./pack_store.ts"
import { type ChunkLost, type ChunkPlace, PackError, type Unpacker } from "./packing.ts"
import { ciphersOf } from "./sealing.ts"

/** Bytes of the directories of packs that are kept in memory. */
const KEPT_DIRECTORY_BYTES = 32 << 20

/**
 * An unpacker over packs. `wanted`: the chunk lists that will be read, in about that order, when the caller knows them.
 */
export const readPacks: (
  layout: PackLayout,
  packStore: Effect.Effect<PackStore, StoreError, ObjectStore>,
  wanted?: Iterable<Uint8Array>,
) => Effect.Effect<Unpacker, StoreError, ObjectStore> = Effect.fnUntraced(
  function* (layout, packStore, wanted) {
    const store = yield* ObjectStore
    const ciphers = ciphersOf(yield* Kernels)
    const known = yield* packStore
    const near = nearPacks(store, known, wanted)
    const lostPack = lostPackOf(known.lost)
    const lost = (id: Uint8Array): ChunkLost => {
      const pack = lostPack(id)
      return {
        lost: pack === undefined
          ? "no pack lists a part of it"
          : `a part of it was in ${pack}, which is missing or damaged`,
      }
    }

    const readDirectory = (pack: number): Effect.Effect<PackDirectory | ChunkLost, StoreError> => {
      const info = known.packs[pack]!
      return readFooter(layout, near, ciphers, info).pipe(
        Effect.map(({ blocks, sealing }): PackDirectory | ChunkLost => new PackDirectory(info.object, sealing, blocks)),
        Effect.catch((error): Effect.Effect<ChunkLost, StoreError> =>
          error instanceof PackError || concernsObject(error)
            ? Effect.succeed({ lost: error.message })
            : Effect.fail(error)
        ),
      )
    }

    const directories = new Recent<number, PackDirectory | ChunkLost>({
      limit: KEPT_DIRECTORY_BYTES,
      bytesOf: (directory) => "lost" in directory ? directory.lost.length : directory.bytes,
    })
    /** The directories of some packs. Those that are not in memory are read at the same time. */
    const directoriesOf = Effect.fnUntraced(function* (packs: Iterable<number>) {
      const found = new Map<number, PackDirectory | ChunkLost>()
      const missing: Array<number> = []
      for (const pack of packs) {
        const kept = directories.get(pack)
        if (kept === undefined) missing.push(pack)
        else found.set(pack, kept)
      }
      const read = yield* Effect.forEach(missing, readDirectory, { concurrency: requestsAtOnce(store) })
      for (const [i, pack] of missing.entries()) {
        found.set(pack, read[i]!)
        directories.set(pack, read[i]!)
      }
      return found
    })

    const one = Semaphore.makeUnsafe(1)
    /** Where chunks are in some packs, each in its own. */
    const find = Effect.fnUntraced(function* (list: Uint8Array, packs: ReadonlyArray<number | undefined>) {
      const wanted = new Set(packs.filter((pack) => pack !== undefined))
      // One call at a time, so that calls that want the same packs read them once.
      const found = yield* Semaphore.withPermit(one, directoriesOf(wanted))
      return packs.map((pack, i): ChunkPlace | ChunkLost | undefined => {
        if (pack === undefined) return undefined
        const directory = found.get(pack)!
        const id = chunkId(list, i)
        return "lost" in directory ? directory : directory.find(id) ?? lost(id)
      })
    })
    const idsOf = (list: Uint8Array) => Array.from({ length: chunkCount(list) }, (_, i) => chunkId(list, i))

    let others: OtherPacks | undefined
    const learning = Semaphore.makeUnsafe(1)
    const learnOthers = Semaphore.withPermit(
      learning,
      Effect.suspend(() =>
        others !== undefined ? Effect.succeed(others) : Effect.tap(
          Effect.provideService(findOtherPacks(layout, ciphers, known), ObjectStore, store),
          (found) => Effect.sync(() => void (others = found)),
        )
      ),
    )
    const unpacker: Unpacker = {
      locate: Effect.fnUntraced(function* (list) {
        const told = yield* OnOtherPack
        const ids = idsOf(list)
        const packs = ids.map((id) => {
          const pack = known.index.get(id)
          return pack === PENDING ? undefined : pack
        })
        return (yield* find(list, packs)).map((place, i) => {
          if (place === undefined) return lost(ids[i]!)
          const pack = known.lost.length === 0 ? undefined : lostPack(ids[i]!)
          if (pack !== undefined && !("lost" in place)) told(`${pack} is missing or damaged`)
          return place
        })
      }),
      elsewhere: Effect.fnUntraced(function* (list, nth) {
        const otherPack = yield* learnOthers
        return yield* find(list, idsOf(list).map((id) => otherPack(id, nth)))
      }),
      fetching: fetchingFrom(store),
      get: ({ length, object, offset }) => near.get(object, { offset, length }),
    }
    return unpacker
  },
)
