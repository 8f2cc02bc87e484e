/**
 * How large the parts of an archive can be. Contents and the index are read in pieces, and each piece is authenticated
 * before the next is read. Only the header of an age file is read before anything is known about it; its bound is
 * `AGE_HEADER_MAXIMUM`. SPEC.md, "The index".
 */

/** The longest index that is read or written, plain or stored, in bytes. */
const INDEX_MAXIMUM = 1 << 30
/**
 * A plain index has at most this many bytes for each stored byte, plus `INDEX_ALLOWED`. A longer one is a decompression
 * bomb, since hashes do not compress.
 */
const INDEX_RATIO = 1024
const INDEX_ALLOWED = 16 << 20

/** Whether an index of this many stored bytes is too long to be read. */
export const isIndexTooLong = (stored: number): boolean => stored > INDEX_MAXIMUM

/** How many bytes the plain form of an index of `stored` bytes may have. */
export const plainIndexLimit = (stored: number): number => Math.min(INDEX_MAXIMUM, INDEX_ALLOWED + INDEX_RATIO * stored)

/** How many bytes of an archive are read to find its key slot, which has about 200. */
export const SLOT_READ = 1024
