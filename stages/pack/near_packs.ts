/** Reads of packs of a remote store, with fewer requests: some packs are fetched whole. */
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import type { ObjectStore } from "../store/store.ts"
import { wholeReads } from "../store/whole_reads.ts"
import { PENDING } from "./chunk_index.ts"
import type { Readable } from "./pack_ends.ts"
import type { PackStore } from "./pack_store.ts"

/** A pack of up to this size is fetched whole, together with its footer: one request instead of two. */
const SMALL_BYTES = 256 << 10
/** Bytes of small packs that are kept in memory. */
const SMALL_KEPT_BYTES = 4 << 20
/** Packs that are kept in memory when it is known which chunks are wanted. */
const KEPT_PACKS = 3
/** Bytes of these packs, which have 16 MiB and a little more. */
const KEPT_BYTES = KEPT_PACKS * (18 << 20)

/**
 * Where to read packs from. From a remote store, small packs are fetched whole, and, when `wanted` is given, packs that
 * are mostly wanted. Up to 4 MiB of packs are kept in memory, or 54 MiB with `wanted`.
 */
export const nearPacks = (
  store: ObjectStore,
  known: PackStore,
  wanted: Iterable<Uint8Array> | undefined,
): Readable => {
  if (store.properties.remote !== true) return store
  const isMostlyWanted = wanted === undefined ? () => false : mostlyWanted(known, wanted)
  const worth = new Map<string, number>()
  for (const [number, { object, size }] of known.packs.entries()) {
    if (size <= SMALL_BYTES || isMostlyWanted(number)) worth.set(object, size)
  }
  return wholeReads(store, {
    sizeOf: (object) => worth.get(object),
    bytes: wanted === undefined ? SMALL_KEPT_BYTES : KEPT_BYTES,
  })
}

/**
 * Whether at least half of the chunks of a pack are wanted while the pack is kept: from the first wanted chunk on,
 * until chunks of three other packs were wanted.
 */
const mostlyWanted = ({ index, packs }: PackStore, wanted: Iterable<Uint8Array>): (pack: number) => boolean => {
  const counts = new Uint32Array(packs.length)
  const done = new Uint8Array(packs.length)
  /** The packs that were used last. The most recent one is at the end. */
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
