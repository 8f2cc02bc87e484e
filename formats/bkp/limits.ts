/**
 * How large each kind of stored file can be, in bytes: they are read whole before they can be verified, so whoever can
 * write to the store can put anything there. More than this is never read, and never written. SPEC.md, "Limits".
 */

/** `config` has some 400 bytes. */
export const CONFIG_BYTES: number = 4 << 10
/** A head or link is an ID. */
export const LINK_BYTES = 32
/**
 * Links that are followed from a head: a server could make up one after the other. A snapshot a minute for two years.
 */
export const LINKS: number = 1 << 20
/**
 * A chunk, or an object of metadata: a tree of eight million entries, a file of eight million chunks. The same holds
 * for packfiles, decompressed: writers close them at some 32 MiB, the document tells no size.
 */
export const OBJECT_BYTES: number = 256 << 20
/** What gzip and encryption add to a packfile at most. */
const GROWTH = 64 << 10

/** The longest stored file of an area. */
export const FILE_BYTES: number = OBJECT_BYTES + GROWTH
