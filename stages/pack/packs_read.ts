/** Finds chunks in packs. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { fetchingFrom } from "../blocks.ts"
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { Kernels, makeKernel } from "../kernel.ts"
import { requestsAtOnce } from "./at_once.ts"
import { PENDING } from "./chunk_index.ts"
import { PackDirectory } from "./pack_file.ts"
import type { PackLayout } from "./pack_layout.ts"
import { type KnownPack, lostPackOf, type PackStore, type Readable, readFooter } from "./pack_store.ts"
import { type BlockPlace, type ChunkLost, type ChunkPlace, PackError, type Unpacker } from "./packing.ts"
import { ObjectStore, type StoreError } from "./store.ts"
import { wholeObject } from "./whole_object.ts"

/** Directories of packs that are kept in memory. */
const KEPT_DIRECTORIES = 64

/** An unpacker over packs. */
export const readPacks: (
  layout: PackLayout,
  opened: Effect.Effect<PackStore, StoreError, ObjectStore>,
) => Effect.Effect<Unpacker, StoreError, ObjectStore> = Effect.fnUntraced(
  function* (layout, opened) {
    const store = yield* ObjectStore
    const cipher = makeKernel(layout.packs.cipher, yield* Kernels)
    const known = yield* opened
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
    const whole = smallPacks(store)
    const one = Semaphore.makeUnsafe(1)

    const readDirectory = (pack: number): Effect.Effect<PackDirectory | ChunkLost, StoreError> => {
      const info = known.packs[pack]!
      return Effect.flatMap(whole.fetch(info), (from) => readFooter(layout, from, cipher, info)).pipe(
        Effect.map(({ blocks }): PackDirectory | ChunkLost =>
          new PackDirectory(info.object, layout.packs.headerBytes, blocks)
        ),
        Effect.catch((error): Effect.Effect<ChunkLost, StoreError> =>
          error instanceof PackError || error.reason === "not-found" || error.reason === "corrupt"
            ? Effect.succeed({ lost: error.message })
            : Effect.fail(error)
        ),
      )
    }

    /** The directories of some packs; those that are not known are read together. */
    const directoriesOf = Effect.fnUntraced(function* (packs: Iterable<number>) {
      const found = new Map<number, PackDirectory | ChunkLost>()
      const missing: Array<number> = []
      for (const pack of packs) {
        const kept = directories.get(pack)
        if (kept === undefined) missing.push(pack)
        else {
          directories.delete(pack)
          directories.set(pack, kept)
          found.set(pack, kept)
        }
      }
      const read = yield* Effect.forEach(missing, readDirectory, { concurrency: requestsAtOnce(store) })
      for (const [i, pack] of missing.entries()) {
        found.set(pack, read[i]!)
        directories.set(pack, read[i]!)
      }
      for (const pack of directories.keys()) {
        if (directories.size <= KEPT_DIRECTORIES) break
        directories.delete(pack)
      }
      return found
    })

    const unpacker: Unpacker = {
      locate: Effect.fnUntraced(function* (list) {
        const packs = Array.from({ length: chunkCount(list) }, (_, i) => known.index.get(chunkId(list, i)))
        // One at a time: several who want the same packs read them once.
        const wanted = new Set(packs.filter((pack): pack is number => pack !== undefined && pack !== PENDING))
        const found = yield* Semaphore.withPermit(one, directoriesOf(wanted))
        return packs.map((pack, i): ChunkPlace | ChunkLost => {
          const id = chunkId(list, i)
          if (pack === undefined || pack === PENDING) return lost(id)
          const directory = found.get(pack)!
          return "lost" in directory ? directory : directory.find(id) ?? lost(id)
        })
      }),
      fetching: fetchingFrom(store),
      get: (block) => whole.get(block),
    }
    return unpacker
  },
)

/** Packs of a remote store up to so many bytes are fetched whole, with what lists their blocks: one request instead of two. */
const SMALL_BYTES = 256 << 10
/** Of them, so many bytes are kept. */
const KEPT_BYTES = 4 << 20

/** Small packs of a remote store, kept as long as there is room. */
const smallPacks = (store: ObjectStore) => {
  const kept = new Map<string, Uint8Array>()
  let bytes = 0
  const keep = (object: string, pack: Uint8Array): void => {
    kept.set(object, pack)
    bytes += pack.length
    for (const [old, { length }] of kept) {
      if (bytes <= KEPT_BYTES) break
      kept.delete(old)
      bytes -= length
    }
  }
  return {
    /** Fetches a pack if it is small; gives where to read it from. */
    fetch: ({ object, size }: KnownPack): Effect.Effect<Readable, StoreError> =>
      store.properties.remote !== true || size > SMALL_BYTES
        ? Effect.succeed(store)
        : Effect.map(wholeObject(store, object, size), (pack) => {
          keep(object, pack.bytes)
          return pack
        }),
    /** The bytes of a block. */
    get: ({ length, object, offset }: BlockPlace): Effect.Effect<Uint8Array, StoreError> =>
      Effect.suspend(() => {
        const pack = kept.get(object)
        return pack === undefined
          ? store.get(object, { offset, length })
          : Effect.succeed(pack.slice(offset, offset + length))
      }),
  }
}
