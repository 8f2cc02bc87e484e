/**
 * How large objects can be. A block is 64 KiB, whatever the object has, and content and listings are read block by
 * block; what is read whole before it is authenticated is less than a block. SPEC.md, "Reading safely".
 */

/** The object FOGSYNC, stored and opened: some 130 bytes. */
export const SHARE_MAXIMUM: number = 4 << 10
/** A root, decompressed: its envelope is a block, and its paths and tags are compressed. */
export const ROOT_MAXIMUM: number = 4 << 20
/** A node of the tree, decompressed: lengths in it have 16 bits. */
export const NODE_READ_MAXIMUM = 0xffff
