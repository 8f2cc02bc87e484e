/**
 * The largest objects. Nothing in the store is authentic, so longer ones are not read. SPEC.md, section 9. Maps have no
 * limit of their own: a check reads no more than the extents in the catalog take.
 */

/**
 * Longest extent, in bytes: each is in memory as a whole to be verified. The extents of file systems can be as long.
 */
export const MAXIMUM_EXTENT: number = 1 << 30
/** Longest content of a wrapped catalog, in bytes. */
export const MAXIMUM_PLAIN: number = 1 << 30
/** The content of a wrapped catalog has at most this many times its stored length. */
export const MAXIMUM_RATIO = 200
