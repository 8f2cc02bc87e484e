/** Changes the tree of all paths, and leaves what is stored as it is. SPEC.md, "Listing as a tree". */
import * as Effect from "effect/Effect"
import { Recent } from "../../stages/memory/recent.ts"
import type { TreeChange } from "../../stages/catalog/tree/tree.ts"
import { pathToBytes } from "../../stages/walk/path.ts"
import type { FormatError } from "../error.ts"
import { EnvelopeWriter } from "./block_write.ts"
import type { Ref } from "./bptr.ts"
import { startEncoder } from "./envelope.ts"
import { writing } from "./errors.ts"
import type { Opened } from "./opened.ts"
import type { BlockStore } from "./block_store.ts"
import { boundsOf, lastOf, pathOf, placeOf, readNode } from "./tree_read.ts"
import {
  comparePaths,
  encodeLeaf,
  encodeNode,
  isAtOrBeneath,
  type Leaf,
  type Node,
  NODE_MAXIMUM,
  nodeOf,
  splitNode,
  type Subtree,
  subtreeBytes,
} from "./tree_node.ts"

/** Nodes with entries that are kept in memory while a tree is changed: 16 MiB. */
const KEPT_NODES = 256

/** A tree that is being changed. Nodes that are stored stay; changed ones are stored anew. */
export class TreeWriter {
  readonly #opened: Opened
  readonly #blocks: BlockStore
  /** The top: a subtree of all paths. */
  #top: Subtree
  /**
   * Nodes with entries that are in memory. It drops nothing by itself: a changed node must be stored first, see
   * `#relieve`.
   */
  readonly #kept = new Recent<Subtree, Node>({ limit: Infinity, bytesOf: () => 1 })
  readonly #start: Ref | undefined
  #changed = false

  /** Starts from a stored tree, or from nothing. */
  constructor(opened: Opened, blocks: BlockStore, start: Ref | undefined) {
    this.#opened = opened
    this.#blocks = blocks
    this.#start = start
    const none = new Uint8Array(0)
    this.#top = start === undefined
      ? { first: none, last: none, count: 0, bptr: undefined, node: nodeOf([]) }
      : { first: none, last: none, count: 0, bptr: start.bptr }
  }

  /** Makes a change. `isNew`: nothing is known to be at or beneath the path. */
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
      yield* this.#relieve()
    },
  )

  /** Stores what changed: where the tree is, undefined when it is empty. */
  readonly finish: Effect.Effect<Ref | undefined, FormatError> = Effect.suspend(() => this.#finish())

  readonly #finish = Effect.fnUntraced(function* (this: TreeWriter) {
    if (!this.#changed && this.#start !== undefined) return this.#start
    const top = yield* this.#load(this.#top)
    if (boundsOf(top) === undefined) return undefined
    // The lowest first: a node names where those beneath it are.
    const levels: Array<Array<Subtree>> = [[this.#top]]
    for (let next = levels[0]!; next.length > 0;) {
      next = next.flatMap(({ node }) => node?.subtrees.filter(({ bptr }) => bptr === undefined) ?? [])
      levels.push(next)
    }
    for (const level of levels.toReversed()) {
      for (const subtree of level) if (subtree.node !== undefined && subtree !== this.#top) yield* this.#store(subtree)
      while (this.#blocks.writer.hasTails) yield* writing(() => this.#blocks.writer.completePartial())
      yield* this.#blocks.flush
    }
    const bytes = encodeNode(top)
    yield* this.#store(this.#top)
    while (this.#blocks.writer.hasTails) yield* writing(() => this.#blocks.writer.completePartial())
    yield* this.#blocks.flush
    const ref: Ref = {
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

  /** Lets nodes go that were not used for long; changed ones are stored. */
  readonly #relieve = Effect.fnUntraced(function* (this: TreeWriter) {
    for (const [subtree] of this.#kept) {
      if (this.#kept.size <= KEPT_NODES) return
      this.#kept.delete(subtree)
      if (subtree === this.#top) continue
      if (subtree.bptr === undefined) yield* this.#store(subtree)
      subtree.node = undefined
    }
  })

  /** Returns how many entries there are more. */
  readonly #insert: (subtree: Subtree, leaf: Leaf) => Effect.Effect<number, FormatError> = Effect.fnUntraced(
    function* (this: TreeWriter, subtree: Subtree, leaf: Leaf) {
      const node = yield* this.#load(subtree)
      let more = 0
      if (node.subtrees.length === 0) {
        const at = placeOf(node.leaves, leaf.path, pathOf)
        const old = node.leaves[at]
        const same = old !== undefined && comparePaths(old.path, leaf.path) === 0
        node.leaves.splice(at, same ? 1 : 0, leaf)
        node.bytes += leaf.item.length - (same ? old.item.length : 0)
        more = same ? 0 : 1
        this.#kept.set(subtree, node)
      } else {
        const at = Math.min(placeOf(node.subtrees, leaf.path, lastOf), node.subtrees.length - 1)
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

  /** Removes what is at or beneath a path. Returns how many entries that were. */
  readonly #remove: (subtree: Subtree, path: Uint8Array) => Effect.Effect<number, FormatError> = Effect.fnUntraced(
    function* (this: TreeWriter, subtree: Subtree, path: Uint8Array) {
      const node = yield* this.#load(subtree)
      let removed = 0
      if (node.subtrees.length === 0) {
        const from = placeOf(node.leaves, path, pathOf)
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

  #touch(subtree: Subtree, node: Node): void {
    subtree.bptr = undefined
    const bounds = boundsOf(node)
    if (bounds !== undefined) [subtree.first, subtree.last] = bounds
  }

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

  /** A top that is too long gets one above it. */
  readonly #raise = Effect.fnUntraced(function* (this: TreeWriter) {
    const node = yield* this.#load(this.#top)
    if (node.bytes <= NODE_MAXIMUM) return
    const halves = this.#split(this.#top)
    this.#top = { ...this.#top, bptr: undefined, node: nodeOf([], [...halves]) }
  })

  /** A top with one subtree is not needed. */
  readonly #lower = Effect.fnUntraced(function* (this: TreeWriter) {
    for (let node = yield* this.#load(this.#top); node.subtrees.length === 1; node = yield* this.#load(this.#top)) {
      this.#top = node.subtrees[0]!
    }
  })
}
