/**
 * Finds out which chunks occur several times in a tree. A restore keeps these in memory, so that it need not decode
 * their blocks again.
 */
import { chunkCount, chunkId } from "../hash/chunk_list.ts"

/**
 * Bits for each byte of a catalog. With about one chunk for each entry, one chunk in 15 is taken for repeated wrongly.
 */
const BITS_PER_BYTE = 1 / 8
const SMALLEST_BITS = 1 << 16
/** Two bit fields of this size take 16 MiB. */
const LARGEST_BITS = 1 << 26

/**
 * Makes a function that tells whether the chunk with an ID is in `lists` more than once. It is never wrong about a
 * chunk that is; it may say yes for some that are not. `catalogBytes`: the size of the catalog that the lists are from.
 */
export const repeatedChunks = (lists: Iterable<Uint8Array>, catalogBytes: number): (id: Uint8Array) => boolean => {
  let bits = SMALLEST_BITS
  while (bits < LARGEST_BITS && bits < catalogBytes * BITS_PER_BYTE) bits *= 2
  const once = new Uint32Array(bits / 32)
  const twice = new Uint32Array(bits / 32)
  // IDs are hashes, so any of their bits are equally good.
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
