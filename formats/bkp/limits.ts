/**
 * The largest stored files, in bytes. A file is read whole before it can be verified, so these limits bound the memory
 * that somebody who can write to the store can make a reader use. Longer files are neither read nor written. SPEC.md,
 * "Packfiles".
 */

/** `config` has about 400 bytes. */
export const CONFIG_BYTES: number = 4 << 10
/** A head or link is an ID. */
export const LINK_BYTES = 32
/**
 * Links that are followed from a head, since a server could make them up without end. Enough for a snapshot each minute
 * for two years.
 */
export const LINKS: number = 1 << 20
/**
 * A chunk, or an object of metadata: a tree of eight million entries, or a file of eight million chunks. Also a
 * decompressed packfile: Penstock closes them at about 32 MiB, and the document gives no limit.
 */
export const OBJECT_BYTES: number = 256 << 20
/** The most that gzip and encryption add to a packfile. */
const GROWTH = 64 << 10

/** A stored file of an area. */
export const FILE_BYTES: number = OBJECT_BYTES + GROWTH
