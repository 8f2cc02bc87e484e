/**
 * How large the parts of an archive can be. Contents and the index are read in pieces, each authentic before the next;
 * only headers of age files are read before anything is known of them, see `AGE_HEADER_MAXIMUM`. SPEC.md, "The index".
 */

/** Longest index that is read, plain or stored, in bytes. */
export const INDEX_MAXIMUM: number = 1 << 30
/**
 * A plain index is at most so many times as long as a stored one, and this: what is longer is a bomb, since hashes do
 * not compress.
 */
export const INDEX_RATIO = 1024
export const INDEX_ALLOWED: number = 16 << 20
/** What is read of an archive to find its key slot, which has some 200 bytes. */
export const SLOT_READ = 1024
