/** Encodes, decodes and splits the nodes of the tree of paths. SPEC.md, "Listing as a tree". */
import { type Bptr, BPTR_BYTES, encodeBptr } from "./bptr.ts"
import { OVERHEAD } from "./envelope.ts"
import { BLOCK_BYTES } from "./layout.ts"
import { Fields, invalid } from "./tree_fields.ts"
import { ITEM_HEAD, type Leaf, leafPath } from "./tree_leaf.ts"
import { comparePaths } from "./tree_order.ts"

/** Bytes of a node that is written, at most: then its envelope fits into a block. Longer ones are read. */
export const NODE_MAXIMUM: number = BLOCK_BYTES - OVERHEAD
/** Bytes that a node begins with: the number of its items, and its length, each u16. */
const NODE_HEAD = 4
/** The type of the item of a subtree. */
const SUBTREE = 4

/** A part of the tree. */
export interface Subtree {
  /** The first path in it. */
  first: Uint8Array
  /** The last path in it. */
  last: Uint8Array
  /** How many paths are in it. */
  count: number
  /** Where its node is stored; undefined when that was changed since, or is not placed yet. */
  bptr: Bptr | undefined
  /** Its node, while that is in memory. */
  node?: Node | undefined
}

/** A node: entries or subtrees, in the order of their paths. At most one of the two lists has items. */
export interface Node {
  leaves: Array<Leaf>
  subtrees: Array<Subtree>
  /** Bytes of the node when it is encoded. */
  bytes: number
}

/** Bytes of the item of a subtree. */
export const subtreeBytes = ({ first, last }: Subtree): number =>
  ITEM_HEAD + 8 + BPTR_BYTES + 2 + first.length + 2 + last.length

/** Makes a node of items. */
export const nodeOf = (leaves: Array<Leaf>, subtrees: Array<Subtree> = []): Node => ({
  leaves,
  subtrees,
  bytes: NODE_HEAD + leaves.reduce((n, { item }) => n + item.length, 0) +
    subtrees.reduce((n, subtree) => n + subtreeBytes(subtree), 0),
})

/** The first and the last path in a node; undefined when it is empty. */
export const boundsOf = ({ leaves, subtrees }: Node): readonly [Uint8Array, Uint8Array] | undefined =>
  leaves.length > 0
    ? [leaves[0]!.path, leaves[leaves.length - 1]!.path]
    : subtrees.length > 0
    ? [subtrees[0]!.first, subtrees[subtrees.length - 1]!.last]
    : undefined

/** What an entry and a subtree are sorted by. */
export const pathOf = ({ path }: Leaf): Uint8Array => path
export const lastOf = ({ last }: Subtree): Uint8Array => last

/** Encodes a node. All its subtrees must be placed. */
export const encodeNode = (node: Node): Uint8Array => {
  const out = new Uint8Array(node.bytes)
  const view = new DataView(out.buffer)
  view.setUint16(0, node.leaves.length + node.subtrees.length)
  view.setUint16(2, node.bytes)
  let at = NODE_HEAD
  for (const { item } of node.leaves) {
    out.set(item, at)
    at += item.length
  }
  for (const subtree of node.subtrees) {
    const { bptr, count, first, last } = subtree
    view.setUint16(at, subtreeBytes(subtree))
    view.setUint16(at + 2, SUBTREE)
    view.setBigUint64(at + ITEM_HEAD, BigInt(count))
    at += ITEM_HEAD + 8
    out.set(encodeBptr(bptr!), at)
    at += BPTR_BYTES
    for (const path of [first, last]) {
      view.setUint16(at, path.length)
      out.set(path, at + 2)
      at += 2 + path.length
    }
  }
  return out
}

/** The inverse. Copies what it keeps of the bytes. Throws KernelError `corrupt`. */
export const decodeNode = (bytes: Uint8Array): Node => {
  const fields = new Fields(bytes)
  const count = fields.u16()
  if (fields.u16() !== bytes.length) throw invalid("it has another length than it says")
  const leaves: Array<Leaf> = []
  const subtrees: Array<Subtree> = []
  let last: Uint8Array | undefined
  const inOrder = (path: Uint8Array): void => {
    if (last !== undefined && comparePaths(last, path) >= 0) throw invalid("its paths are not in order")
    last = path
  }
  for (let i = 0; i < count; i++) {
    const length = fields.u16()
    if (length < ITEM_HEAD) throw invalid("an item is too short")
    const item = new Uint8Array(length)
    item.set(fields.take(length - 2), 2)
    new DataView(item.buffer).setUint16(0, length)
    const inner = new Fields(item, 2)
    const type = inner.u16()
    const flags = inner.u16()
    if (type !== SUBTREE) {
      const path = leafPath(inner, flags)
      inOrder(path)
      leaves.push({ path, item })
      continue
    }
    const paths = inner.u64()
    const bptr = inner.address()
    const subtree: Subtree = { count: Number(paths), bptr, first: inner.text(), last: inner.text() }
    inOrder(subtree.first)
    if (comparePaths(subtree.first, subtree.last) !== 0) inOrder(subtree.last)
    subtrees.push(subtree)
  }
  if (fields.rest > 0) throw invalid("it goes on after its last item")
  if (leaves.length > 0 && subtrees.length > 0) throw invalid("it has both entries and subtrees")
  return { leaves, subtrees, bytes: bytes.length }
}

/** Splits a node that is too long into two of about the same length. */
export const splitNode = ({ bytes, leaves, subtrees }: Node): readonly [Node, Node] => {
  let left = NODE_HEAD
  let at = 0
  const isLeaf = leaves.length > 0
  const count = isLeaf ? leaves.length : subtrees.length
  while (at < count - 1 && (at === 0 || left < bytes / 2)) {
    left += isLeaf ? leaves[at]!.item.length : subtreeBytes(subtrees[at]!)
    at++
  }
  return [
    nodeOf(leaves.slice(0, at), subtrees.slice(0, at)),
    nodeOf(leaves.slice(at), subtrees.slice(at)),
  ]
}
