/**
 * How large objects can be. Nothing in the store is authentic, so more than this is never read. SPEC.md, section 9.
 * Maps have no limit of their own: a check reads one that has as many extents as the catalog says, and no more bytes
 * than that takes.
 */

/**
 * Extents longer than this are not read: each is in memory at once when it is verified. File systems make them as long.
 */
export const MAXIMUM_EXTENT: number = 1 << 30
/** A wrapped catalog may have so many bytes when it is not, and so many times its stored length. */
export const MAXIMUM_PLAIN: number = 1 << 30
export const MAXIMUM_RATIO = 200
