/**
 * How large things can be. A block is 64 KiB however long its object is, and contents and listings are read block by
 * block. What is read whole before it is authenticated is shorter than a block. SPEC.md, "Reading safely".
 */

/** Bytes of the object FOGSYNC, stored or decoded. It has about 130. */
export const SHARE_MAXIMUM: number = 4 << 10
/** Bytes of the marker of a root that was forgotten, stored or decoded. It has about 250. */
export const MARKER_MAXIMUM: number = 4 << 10
/** Bytes of a decompressed root. Its envelope fits into a block, but its paths and tags are compressed. */
export const ROOT_MAXIMUM: number = 4 << 20
/** Bytes of a decompressed node of the tree: lengths in it have 16 bits. */
export const NODE_READ_MAXIMUM = 0xffff
/** Bytes of a path, and of the target of a link. */
export const PATH_MAXIMUM = 4096
/** Bytes of one element of a listing in JSON. */
export const ELEMENT_MAXIMUM: number = 64 << 10
/** How many arrays and objects in JSON may lie within each other. */
export const JSON_DEPTH_MAXIMUM = 32
/** The greatest depth of a block address: more levels of lists than any store can fill. */
export const ADDRESS_DEPTH_MAXIMUM = 16
/** The greatest height of a tree of paths. With six subtrees in each node it has more paths than there can be. */
export const TREE_HEIGHT_MAXIMUM = 24
