/**
 * Finds out which chunks are in several places of a tree: who restores them keeps them, and need not decode their block
 * again.
 */
import { chunkCount, chunkId } from "../hash/chunk_list.ts"

/**
 * Bits for each byte of a catalog, one of these for each entry or so: one chunk in 15 is then taken for repeated that
 * is not.
 */
const BITS_PER_BYTE = 1 / 8
const SMALLEST_BITS = 1 << 16
/** 16 MiB in all. */
const LARGEST_BITS = 1 << 26

/**
 * Whether the chunk of an ID is in `lists` more than once. Says so of some that are not, never the other way round.
 * `catalogBytes`: how large the catalog with these lists is.
 */
export const repeatedChunks = (lists: Iterable<Uint8Array>, catalogBytes: number): (id: Uint8Array) => boolean => {
  let bits = SMALLEST_BITS
  while (bits < LARGEST_BITS && bits < catalogBytes * BITS_PER_BYTE) bits *= 2
  const once = new Uint32Array(bits / 32)
  const twice = new Uint32Array(bits / 32)
  // IDs are hashes: any bits of them will do.
  const placeOf = (id: Uint8Array): number => (id[0]! | id[1]! << 8 | id[2]! << 16 | id[3]! << 24) & (bits - 1)
  for (const list of lists) {
    for (let i = 0; i < chunkCount(list); i++) {
      const place = placeOf(chunkId(list, i))
      const bit = 1 << (place & 31)
      if ((once[place >>> 5]! & bit) !== 0) twice[place >>> 5]! |= bit
      else once[place >>> 5]! |= bit
    }
  }
  return (id) => {
    const place = placeOf(id)
    return (twice[place >>> 5]! & 1 << (place & 31)) !== 0
  }
}
