/** Finds chunks in packs. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { Recent } from "../memory/recent.ts"
import { fetchingFrom } from "../store/fetching.ts"
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { Kernels, makeKernel } from "../kernel/kernel.ts"
import { requestsAtOnce } from "../store/at_once.ts"
import { PENDING } from "./chunk_index.ts"
import { PackDirectory } from "./pack_file.ts"
import type { PackLayout } from "./pack_layout.ts"
import { lostPackOf, type PackStore, type Readable, readFooter } from "./pack_store.ts"
import { type ChunkLost, type ChunkPlace, PackError, type Unpacker } from "./packing.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"
import { wholeReads } from "../store/whole_reads.ts"

/** The directories of packs that are kept in memory have at most this many bytes. */
const KEPT_DIRECTORY_BYTES = 32 << 20

/**
 * An unpacker over packs. `wanted`: the chunk lists that are going to be read, in about that order, where that is
 * known.
 */
export const readPacks: (
  layout: PackLayout,
  opened: Effect.Effect<PackStore, StoreError, ObjectStore>,
  wanted?: Iterable<Uint8Array>,
) => Effect.Effect<Unpacker, StoreError, ObjectStore> = Effect.fnUntraced(
  function* (layout, opened, wanted) {
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
    const directories = new Recent<number, PackDirectory | ChunkLost>({
      limit: KEPT_DIRECTORY_BYTES,
      bytesOf: (directory) => "lost" in directory ? directory.lost.length : directory.bytes,
    })
    const near = nearPacks(store, known, wanted)
    const one = Semaphore.makeUnsafe(1)

    const readDirectory = (pack: number): Effect.Effect<PackDirectory | ChunkLost, StoreError> => {
      const info = known.packs[pack]!
      return readFooter(layout, near, cipher, info).pipe(
        Effect.map(({ blocks }): PackDirectory | ChunkLost =>
          new PackDirectory(info.object, layout.packs.headerBytes, blocks)
        ),
        Effect.catch((error): Effect.Effect<ChunkLost, StoreError> =>
          error instanceof PackError || concernsObject(error)
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
        else found.set(pack, kept)
      }
      const read = yield* Effect.forEach(missing, readDirectory, { concurrency: requestsAtOnce(store) })
      for (const [i, pack] of missing.entries()) {
        found.set(pack, read[i]!)
        directories.set(pack, read[i]!)
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
      get: ({ length, object, offset }) => near.get(object, { offset, length }),
    }
    return unpacker
  },
)

/**
 * Packs of a remote store up to so many bytes are fetched whole, with what lists their blocks: one request instead of
 * two.
 */
const SMALL_BYTES = 256 << 10
/** Of them, so many bytes are in memory. */
const SMALL_KEPT_BYTES = 4 << 20
/** Where it is known what is wanted, so many packs are: of 16 MiB, and a little more. */
const KEPT_PACKS = 3
const KEPT_BYTES = KEPT_PACKS * (18 << 20)

/**
 * Where to read packs from: of a remote store, small ones are fetched whole, and, as `wanted` is known, those of which
 * most is wanted in one go. Up to 4 MiB of packs are in memory then, or 54 MiB.
 */
const nearPacks = (
  store: ObjectStore,
  known: PackStore,
  wanted: Iterable<Uint8Array> | undefined,
): Readable => {
  if (store.properties.remote !== true) return store
  const most = wanted === undefined ? () => false : mostlyWanted(known, wanted)
  const worth = new Map<string, number>()
  for (const [number, { object, size }] of known.packs.entries()) {
    if (size <= SMALL_BYTES || most(number)) worth.set(object, size)
  }
  return wholeReads(store, {
    sizeOf: (object) => worth.get(object),
    bytes: wanted === undefined ? SMALL_KEPT_BYTES : KEPT_BYTES,
  })
}

/**
 * Whether at least half of the chunks of a pack are wanted from when one of them first is until chunks of three other
 * packs were: then it is worth having whole.
 */
const mostlyWanted = ({ index, packs }: PackStore, wanted: Iterable<Uint8Array>): (pack: number) => boolean => {
  const counts = new Uint32Array(packs.length)
  const done = new Uint8Array(packs.length)
  /** The packs that were used last, the very last at the end. */
  const last: Array<number> = []
  for (const list of wanted) {
    for (let i = 0; i < chunkCount(list); i++) {
      const pack = index.get(chunkId(list, i))
      if (pack === undefined || pack === PENDING) continue
      if (pack !== last.at(-1)) {
        const at = last.indexOf(pack)
        if (at >= 0) last.splice(at, 1)
        else if (last.length === KEPT_PACKS) done[last.shift()!] = 1
        last.push(pack)
      }
      if (done[pack] === 0) counts[pack]!++
    }
  }
  return (pack) => counts[pack]! > 0 && counts[pack]! * 2 >= packs[pack]!.chunks
}
