/** Makes a changed tree of paths from a stored one, which stays as it is. SPEC.md, "Listing as a tree". */
import * as Effect from "effect/Effect"
import type { TreeChange } from "../../stages/catalog/tree/change.ts"
import { Recent } from "../../stages/memory/recent.ts"
import { pathToBytes } from "../../stages/walk/path.ts"
import type { FormatError } from "../error.ts"
import { EnvelopeWriter } from "./block_write.ts"
import type { DataRef } from "./bptr.ts"
import { startEncoder } from "./envelope.ts"
import { writing } from "./errors.ts"
import type { Opened } from "./opened.ts"
import type { BlockStore } from "./block_store.ts"
import { encodeLeaf, type Leaf } from "./tree_leaf.ts"
import {
  boundsOf,
  encodeNode,
  lastOf,
  type Node,
  NODE_MAXIMUM,
  nodeOf,
  pathOf,
  splitNode,
  type Subtree,
  subtreeBytes,
} from "./tree_node.ts"
import { comparePaths, isAtOrBeneath, positionOf } from "./tree_order.ts"
import { readNode } from "./tree_read.ts"

/** How many nodes with entries are kept in memory while a tree is changed: 16 MiB. */
const KEPT_NODES = 256

/** A tree that is being changed. Changed nodes are stored as new ones. */
export class TreeWriter {
  readonly #opened: Opened
  readonly #blocks: BlockStore
  /** The subtree of all paths. */
  #top: Subtree
  /**
   * The nodes with entries that are in memory. It drops nothing by itself, because a changed node must be stored
   * before it is dropped: see `#shrink`.
   */
  readonly #kept = new Recent<Subtree, Node>({ limit: Infinity, bytesOf: () => 1 })
  readonly #start: DataRef | undefined
  #changed = false

  /** Starts from a stored tree, or from an empty one. */
  constructor(opened: Opened, blocks: BlockStore, start: DataRef | undefined) {
    this.#opened = opened
    this.#blocks = blocks
    this.#start = start
    const none = new Uint8Array(0)
    this.#top = start === undefined
      ? { first: none, last: none, count: 0, bptr: undefined, node: nodeOf([]) }
      : { first: none, last: none, count: 0, bptr: start.bptr }
  }

  /** Makes a change. `isNew` says that there is no entry at the path, nor beneath it. */
  readonly apply: (change: TreeChange, isNew?: boolean) => Effect.Effect<void, FormatError> = Effect.fnUntraced(
    function* (this: TreeWriter, change: TreeChange, isNew = false) {
      this.#changed = true
      const path = pathToBytes(change.op === "put" ? change.entry.path : change.path)
      if (change.op === "remove" || (!isNew && change.entry.kind !== "directory")) {
        yield* this.#remove(this.#top, path)
        yield* this.#lower()
      }
      if (change.op === "put") yield* this.#insert(this.#top, encodeLeaf(change.entry))
      yield* this.#raise()
      yield* this.#shrink()
    },
  )

  /** Stores the nodes that changed, and gives the tree. Undefined when it is empty. */
  readonly finish: Effect.Effect<DataRef | undefined, FormatError> = Effect.suspend(() => this.#finish())

  readonly #finish = Effect.fnUntraced(function* (this: TreeWriter) {
    if (!this.#changed && this.#start !== undefined) return this.#start
    const top = yield* this.#load(this.#top)
    if (boundsOf(top) === undefined) return undefined
    // The lowest level first: a node holds the addresses of those beneath it.
    const levels: Array<Array<Subtree>> = [[this.#top]]
    for (let next = levels[0]!; next.length > 0;) {
      next = next.flatMap(({ node }) => node?.subtrees.filter(({ bptr }) => bptr === undefined) ?? [])
      levels.push(next)
    }
    for (const level of levels.toReversed()) {
      for (const subtree of level) if (subtree.node !== undefined && subtree !== this.#top) yield* this.#store(subtree)
      yield* this.#blocks.complete
    }
    const bytes = encodeNode(top)
    yield* this.#store(this.#top)
    yield* this.#blocks.complete
    const ref: DataRef = {
      bptr: this.#top.bptr!,
      size: bytes.length,
      sha256: this.#opened.keys.hasher.digest(bytes),
    }
    return ref
  })

  readonly #load: (subtree: Subtree) => Effect.Effect<Node, FormatError> = Effect.fnUntraced(
    function* (this: TreeWriter, subtree: Subtree) {
      if (subtree.node !== undefined) {
        this.#kept.get(subtree)
        return subtree.node
      }
      if (subtree.bptr === undefined) {
        yield* writing(() => this.#blocks.writer.completePartial())
        yield* this.#blocks.flush
      }
      const node = yield* readNode(this.#blocks.reader, subtree.bptr!)
      subtree.node = node
      if (node.leaves.length > 0) this.#kept.set(subtree, node)
      return node
    },
  )

  readonly #store = Effect.fnUntraced(function* (this: TreeWriter, subtree: Subtree) {
    const { gzip, keys } = this.#opened
    const { writer } = this.#blocks
    yield* writing(() => {
      const envelope = new EnvelopeWriter(writer, startEncoder(keys, { gzip: { kernel: gzip, adaptive: true } }))
      envelope.push(encodeNode(subtree.node!))
      envelope.end((bptr) => {
        subtree.bptr = bptr
      })
    })
    yield* this.#blocks.flushWhenFull
  })

  /** Drops nodes that were not used for long, after storing those that changed. */
  readonly #shrink = Effect.fnUntraced(function* (this: TreeWriter) {
    for (const subtree of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_NODES) return
      this.#kept.delete(subtree)
      if (subtree === this.#top) continue
      if (subtree.bptr === undefined) yield* this.#store(subtree)
      subtree.node = undefined
    }
  })

  /** Puts an entry into a subtree. Gives by how many entries the subtree grew: 0 or 1. */
  readonly #insert: (subtree: Subtree, leaf: Leaf) => Effect.Effect<number, FormatError> = Effect.fnUntraced(
    function* (this: TreeWriter, subtree: Subtree, leaf: Leaf) {
      const node = yield* this.#load(subtree)
      let more = 0
      if (node.subtrees.length === 0) {
        const at = positionOf(node.leaves, leaf.path, pathOf)
        const old = node.leaves[at]
        const same = old !== undefined && comparePaths(old.path, leaf.path) === 0
        node.leaves.splice(at, same ? 1 : 0, leaf)
        node.bytes += leaf.item.length - (same ? old.item.length : 0)
        more = same ? 0 : 1
        this.#kept.set(subtree, node)
      } else {
        const at = Math.min(positionOf(node.subtrees, leaf.path, lastOf), node.subtrees.length - 1)
        const below = node.subtrees[at]!
        const before = subtreeBytes(below)
        more = yield* this.#insert(below, leaf)
        node.bytes += subtreeBytes(below) - before
        if (below.node!.bytes > NODE_MAXIMUM) {
          const halves = this.#split(below)
          node.bytes += subtreeBytes(halves[0]) + subtreeBytes(halves[1]) - subtreeBytes(below)
          node.subtrees.splice(at, 1, ...halves)
        }
      }
      this.#touch(subtree, node)
      subtree.count += more
      return more
    },
  )

  /** Removes the entries at a path and beneath it. Gives their number. */
  readonly #remove: (subtree: Subtree, path: Uint8Array) => Effect.Effect<number, FormatError> = Effect.fnUntraced(
    function* (this: TreeWriter, subtree: Subtree, path: Uint8Array) {
      const node = yield* this.#load(subtree)
      let removed = 0
      if (node.subtrees.length === 0) {
        const from = positionOf(node.leaves, path, pathOf)
        let to = from
        while (to < node.leaves.length && isAtOrBeneath(node.leaves[to]!.path, path)) to++
        removed = to - from
        if (removed === 0) return 0
        for (const { item } of node.leaves.splice(from, removed)) node.bytes -= item.length
      } else {
        const left: Array<Subtree> = []
        for (const below of node.subtrees) {
          const before = comparePaths(below.last, path) < 0
          const after = comparePaths(below.first, path) > 0 && !isAtOrBeneath(below.first, path)
          if (before || after) {
            left.push(below)
            continue
          }
          if (isAtOrBeneath(below.first, path) && isAtOrBeneath(below.last, path)) {
            removed += below.count
            this.#kept.delete(below)
            continue
          }
          removed += yield* this.#remove(below, path)
          if (boundsOf(below.node!) !== undefined) left.push(below)
          else this.#kept.delete(below)
        }
        if (removed === 0) return 0
        Object.assign(node, nodeOf([], left))
      }
      this.#touch(subtree, node)
      subtree.count -= removed
      return removed
    },
  )

  /** Marks a subtree as changed. */
  #touch(subtree: Subtree, node: Node): void {
    subtree.bptr = undefined
    const bounds = boundsOf(node)
    if (bounds !== undefined) [subtree.first, subtree.last] = bounds
  }

  /** Replaces a subtree whose node is too long by two. */
  #split(subtree: Subtree): readonly [Subtree, Subtree] {
    this.#kept.delete(subtree)
    const [left, right] = splitNode(subtree.node!).map((node): Subtree => {
      const [first, last] = boundsOf(node)!
      const count = node.leaves.length + node.subtrees.reduce((n, { count }) => n + count, 0)
      const half: Subtree = { first, last, count, bptr: undefined, node }
      if (node.leaves.length > 0) this.#kept.set(half, node)
      return half
    })
    return [left!, right!]
  }

  /** Puts a new top above a top that is too long. */
  readonly #raise = Effect.fnUntraced(function* (this: TreeWriter) {
    const node = yield* this.#load(this.#top)
    if (node.bytes <= NODE_MAXIMUM) return
    const halves = this.#split(this.#top)
    this.#top = { ...this.#top, bptr: undefined, node: nodeOf([], [...halves]) }
  })

  /** Removes tops that have a single subtree. */
  readonly #lower = Effect.fnUntraced(function* (this: TreeWriter) {
    for (let node = yield* this.#load(this.#top); node.subtrees.length === 1; node = yield* this.#load(this.#top)) {
      this.#top = node.subtrees[0]!
    }
  })
}
