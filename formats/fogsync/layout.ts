/** Where things are in a share: the names of its objects, and the size of a block. SPEC.md, "Store". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"

/** The version of the format: Mark III. */
export const VERSION = 3
/** Bytes of a block. */
export const BLOCK_BYTES: number = 64 << 10

/** The object that makes a store a share, and says which. */
export const SHARE = "FOGSYNC"
export const BLOCKS = "blocks/"
export const ROOTS = "roots/"

/** `blocks/<2 hex>/<64 hex>`, from the hash of a block. */
export const blockObject = (hash: Uint8Array): string => {
  const hex = bytesToHex(hash)
  return `${BLOCKS}${hex.slice(0, 2)}/${hex}`
}

const BLOCK = /^blocks\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/

/** The hash of the block in the object of this name; undefined when it is not the name of a block. */
export const blockHash = (name: string): Uint8Array | undefined => {
  const hex = BLOCK.exec(name)?.[2]
  return hex === undefined ? undefined : hexToBytes(hex)
}

/** `roots/<64 hex>`, from the ID of a root: the hash of its block in hex. */
export const rootObject = (id: string): string => `${ROOTS}${id}`

const ROOT = /^roots\/([0-9a-f]{64})$/

/** The ID of the root that the object of this name points to; undefined when it is not the name of a pointer. */
export const rootId = (name: string): string | undefined => ROOT.exec(name)?.[1]

/** `roots/<64 hex>.forgotten`, the marker of a root that was forgotten, from its ID. */
export const forgottenObject = (id: string): string => `${rootObject(id)}.forgotten`

const FORGOTTEN = /^roots\/([0-9a-f]{64})\.forgotten$/

/** The ID of the root that the object of this name says is forgotten; undefined when it is not the name of a marker. */
export const forgottenId = (name: string): string | undefined => FORGOTTEN.exec(name)?.[1]
