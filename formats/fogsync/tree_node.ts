/** Nodes of the tree of all paths. SPEC.md, "Listing as a tree". */
import { emptyList } from "../../stages/hash/chunk_list.ts"
import type { StoredEntry, StoredKind } from "../../stages/catalog/tree/row.ts"
import { clampTime } from "../../stages/catalog/tree/row.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { pathFromBytes, pathProblem, pathToBytes } from "../../stages/walk/path.ts"
import { BLOCK_BYTES, type Bptr, BPTR_BYTES, decodeBptr, encodeBptr, refFromChunks, refToChunks } from "./bptr.ts"
import { OVERHEAD } from "./envelope.ts"
import { isExecutable, type Listed, modeOf, PATH_MAXIMUM } from "./json_listing.ts"

/** Bytes of a node at most, as it is written: then its envelope is no longer than a block. Up to 65,535 are read. */
export const NODE_MAXIMUM: number = BLOCK_BYTES - OVERHEAD
/** Bytes before the items, and before what is special in an item. */
const NODE_HEAD = 4
const ITEM_HEAD = 6
const SUBTREE = 4
/** Types of entries. */
const TYPES: Readonly<Partial<Record<StoredKind, number>>> = { file: 1, directory: 2, symlink: 3 }
const KINDS: ReadonlyArray<StoredKind | undefined> = [undefined, "file", "directory", "symlink"]
/** Flags: which fields an item has. */
const ADDRESS = 1
const EXECUTABLE = 2
const MTIME = 4
const CTIME = 8
const INODE = 16
const DATA = 32
const TARGET = 64
const ALL = 127

/** An entry: its path, and the whole item. */
export interface Leaf {
  readonly path: Uint8Array
  readonly item: Uint8Array
}

/** A part of the tree. */
export interface Subtree {
  first: Uint8Array
  last: Uint8Array
  /** Paths in it. */
  count: number
  /** Where it is stored; undefined while it is changed, or on its way. */
  bptr: Bptr | undefined
  /** It, when it is at hand. */
  node?: Node | undefined
}

/** A node: entries, or subtrees, in the order of their paths. */
export interface Node {
  /** Exactly one of the two has items, unless the node is empty. */
  leaves: Array<Leaf>
  subtrees: Array<Subtree>
  /** As it is encoded. */
  bytes: number
}

/** Bytes of a subtree's item. */
export const subtreeBytes = ({ first, last }: Subtree): number =>
  ITEM_HEAD + 8 + BPTR_BYTES + 2 + first.length + 2 + last.length

/** A node of these items. */
export const nodeOf = (leaves: Array<Leaf>, subtrees: Array<Subtree> = []): Node => ({
  leaves,
  subtrees,
  bytes: NODE_HEAD + leaves.reduce((n, { item }) => n + item.length, 0) +
    subtrees.reduce((n, subtree) => n + subtreeBytes(subtree), 0),
})

/** Compares two paths, component by component by their bytes: what is in a directory comes directly after it. */
export const comparePaths = (a: Uint8Array, b: Uint8Array): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    if (a[i] === b[i]) continue
    return a[i] === 0x2f ? -1 : b[i] === 0x2f ? 1 : a[i]! - b[i]!
  }
  // The root, which is empty, is the first.
  return a.length - b.length
}

/** Whether `path` is that of `directory`, or beneath. */
export const isAtOrBeneath = (path: Uint8Array, directory: Uint8Array): boolean => {
  if (path.length < directory.length) return false
  for (let i = 0; i < directory.length; i++) if (path[i] !== directory[i]) return false
  return path.length === directory.length || directory.length === 0 || path[directory.length] === 0x2f
}

/** The item of an entry. Its path and target are known to be no longer than they may be. */
export const encodeLeaf = (entry: StoredEntry): Leaf => {
  const { kind, metadata: { ctime, inode, mode, mtime }, target } = entry
  const path = pathToBytes(entry.path)
  const link = target === undefined ? undefined : pathToBytes(target)
  const ref = refFromChunks(entry.chunks, entry.size)
  const flags = (ref === undefined ? 0 : ADDRESS | DATA) | (kind === "file" && isExecutable(mode) ? EXECUTABLE : 0) |
    (mtime === undefined ? 0 : MTIME) | (ctime === undefined ? 0 : CTIME) | (inode === undefined ? 0 : INODE) |
    (link === undefined ? 0 : TARGET)
  const length = ITEM_HEAD + (ref === undefined ? 0 : BPTR_BYTES + 40) + 2 + path.length +
    8 * [mtime, ctime, inode].filter((value) => value !== undefined).length +
    (link === undefined ? 0 : 2 + link.length)
  const item = new Uint8Array(length)
  const view = new DataView(item.buffer)
  view.setUint16(0, length)
  view.setUint16(2, TYPES[kind]!)
  view.setUint16(4, flags)
  let at = ITEM_HEAD
  const put = (bytes: Uint8Array): void => {
    item.set(bytes, at)
    at += bytes.length
  }
  const putText = (bytes: Uint8Array): void => {
    view.setUint16(at, bytes.length)
    at += 2
    put(bytes)
  }
  if (ref !== undefined) put(encodeBptr(ref.bptr))
  putText(path)
  for (const value of [mtime, ctime, inode]) {
    if (value === undefined) continue
    view.setBigUint64(at, BigInt.asUintN(64, value === inode ? value : clampTime(value)))
    at += 8
  }
  if (ref !== undefined) {
    view.setBigUint64(at, BigInt(ref.size))
    at += 8
    put(ref.sha256)
  }
  if (link !== undefined) putText(link)
  return { path, item }
}

const invalid = (what: string): KernelError => new KernelError({ kernel: "tree", reason: "corrupt", message: what })

/** Reads fields, and never beyond the end. */
class Fields {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = at
  }

  get rest(): number {
    return this.#bytes.length - this.#at
  }

  take(length: number): Uint8Array {
    if (length > this.rest) throw invalid("a field goes beyond the end")
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  u16(): number {
    this.take(2)
    return this.#view.getUint16(this.#at - 2)
  }

  u64(): bigint {
    this.take(8)
    return this.#view.getBigUint64(this.#at - 8)
  }

  address(): Bptr {
    const bptr = decodeBptr(this.take(BPTR_BYTES))
    if (bptr === undefined) throw invalid("an address cannot be")
    return bptr
  }

  text(): Uint8Array {
    const length = this.u16()
    if (length > PATH_MAXIMUM) throw invalid(`a path claims ${length} bytes`)
    return this.take(length).slice()
  }
}

/** The entry of an item. Throws KernelError `corrupt`. */
export const decodeLeaf = ({ item, path: bytes }: Leaf): Listed => {
  const fields = new Fields(item, 2)
  const kind = KINDS[fields.u16()]
  const flags = fields.u16()
  if (kind === undefined) throw invalid("an entry is of no known type")
  if ((flags & ~ALL) !== 0) throw invalid("an entry has unknown flags")
  const bptr = flags & ADDRESS ? fields.address() : undefined
  fields.text()
  const path = pathFromBytes(bytes)
  const problem = pathProblem(path)
  if (problem !== undefined) throw invalid(`a path cannot be: ${problem}`)
  const mtime = flags & MTIME ? BigInt.asIntN(64, fields.u64()) : undefined
  const ctime = flags & CTIME ? BigInt.asIntN(64, fields.u64()) : undefined
  const inode = flags & INODE ? fields.u64() : undefined
  const size = flags & DATA ? Number(fields.u64()) : 0
  const sha256 = flags & DATA ? fields.take(32) : undefined
  const target = flags & TARGET ? pathFromBytes(fields.text()) : undefined
  if ((bptr === undefined) !== (sha256 === undefined) || (bptr !== undefined && (kind !== "file" || size === 0))) {
    throw invalid("an entry has data that it cannot have")
  }
  if (!Number.isSafeInteger(size)) throw invalid("an entry has an impossible size")
  if ((kind === "symlink") !== (target !== undefined) || target?.includes("\0") === true) {
    throw invalid("an entry has a target that it cannot have")
  }
  return {
    path,
    kind,
    metadata: {
      ...(kind === "file" ? { mode: modeOf((flags & EXECUTABLE) !== 0) } : {}),
      ...(mtime === undefined ? {} : { mtime }),
      ...(ctime === undefined ? {} : { ctime }),
      ...(inode === undefined ? {} : { inode }),
    },
    size,
    chunks: bptr === undefined ? emptyList : refToChunks({ bptr, sha256: sha256!, size }),
    ...(target === undefined ? {} : { target }),
  }
}

/** The bytes of a node, of which all subtrees are stored. */
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
    view.setBigUint64(at + 6, BigInt(count))
    out.set(encodeBptr(bptr!), at + 14)
    at += 14 + BPTR_BYTES
    for (const path of [first, last]) {
      view.setUint16(at, path.length)
      out.set(path, at + 2)
      at += 2 + path.length
    }
  }
  return out
}

/** The inverse. Does not keep the bytes. Throws KernelError `corrupt`. */
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
      if (flags & ADDRESS) inner.take(BPTR_BYTES)
      const path = inner.text()
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
