/** Reads the tree of all paths: look-up and walk. SPEC.md, "Listing as a tree". */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { displayPath, pathFromBytes, pathToBytes } from "../../stages/walk/path.ts"
import type { FormatError } from "../error.ts"
import type { Bptr, Ref } from "./bptr.ts"
import type { BlockReader } from "./block_read.ts"
import { corrupt, isDamage } from "./errors.ts"
import { NODE_READ_MAXIMUM } from "./limits.ts"
import type { Listed } from "./json_listing.ts"
import { blockObject } from "./layout.ts"
import { comparePaths, decodeLeaf, decodeNode, type Leaf, type Node, type Subtree } from "./tree_node.ts"
import type { ListingEvents } from "./json_listing_read.ts"

/** Subtrees within each other at most: six in each node make more paths than there can be. */
const HEIGHT_MAXIMUM = 24

const damaged = (bptr: Bptr) => ({ message }: { readonly message: string }) => {
  const name = blockObject(bptr.hash)
  return corrupt(name, `The part of the tree of paths that begins in ${name} is damaged: ${message}`)
}

/** A node, when it is what it should be. */
export const readNode = (reader: BlockReader, bptr: Bptr): Effect.Effect<Node, FormatError> =>
  Effect.flatMap(
    Stream.runCollect(reader.data(bptr, "a part of the tree of paths", NODE_READ_MAXIMUM)),
    (pieces) => Effect.mapError(catching(KernelError, () => decodeNode(concat(pieces))), damaged(bptr)),
  )

/** All entries in order. Fails only when the top of the tree is lost, or the store cannot be reached. */
export const walkTree = (
  reader: BlockReader,
  { bptr }: Ref,
  events: ListingEvents = {},
): Stream.Stream<Listed, FormatError> => {
  let last: Uint8Array | undefined
  const walk = (at: Bptr, height: number, within?: Subtree): Stream.Stream<Listed, FormatError> => {
    if (events.skip?.(at) === true) return Stream.empty
    const bad = (message: string) => Stream.fail(damaged(at)({ message }))
    const inner = Effect.map(readNode(reader, at), (node): Stream.Stream<Listed, FormatError> => {
      if (height > HEIGHT_MAXIMUM) return bad("it is too deep")
      if (within !== undefined && !fits(node, within)) return bad("it has other paths than the node above says")
      if (node.subtrees.length > 0) {
        return Stream.flatMap(
          Stream.fromArray(node.subtrees),
          (subtree) => walk(subtree.bptr!, height + 1, subtree),
        )
      }
      return Stream.fromIterableEffect(Effect.mapError(
        catching(KernelError, () =>
          node.leaves.map((leaf) => {
            if (last !== undefined && comparePaths(last, leaf.path) >= 0) throw unordered
            last = leaf.path
            return decodeLeaf(leaf)
          })),
        damaged(at),
      ))
    })
    return Stream.unwrap(inner).pipe(
      Stream.catch((error) => {
        if (within === undefined || !isDamage(error)) return Stream.fail(error)
        const [first, end] = [within.first, within.last].map((path) => displayPath(pathFromBytes(path)))
        const message = `What is from "${first}" to "${end}" is lost: ${error.message}`
        return Stream.suspend(() => {
          events.lost?.({ path: pathFromBytes(within.first), message }, error)
          return Stream.empty
        })
      }),
    )
  }
  return Stream.suspend(() => {
    last = undefined
    return walk(bptr, 0)
  })
}

const unordered = new KernelError({ kernel: "tree", reason: "corrupt", message: "its paths are not in order" })

/** Whether a node is what the one above says of it. */
const fits = (node: Node, { first, last }: Subtree): boolean => {
  const [from, to] = boundsOf(node) ?? []
  return from !== undefined && comparePaths(from, first) === 0 && comparePaths(to!, last) === 0
}

/** The first and the last path in a node that is not empty. */
export const boundsOf = ({ leaves, subtrees }: Node): readonly [Uint8Array, Uint8Array] | undefined =>
  leaves.length > 0
    ? [leaves[0]!.path, leaves[leaves.length - 1]!.path]
    : subtrees.length > 0
    ? [subtrees[0]!.first, subtrees[subtrees.length - 1]!.last]
    : undefined

/** The place of a path in a sorted list: of the first item that is not before it. */
export const placeOf = <A>(items: ReadonlyArray<A>, path: Uint8Array, pathOf: (item: A) => Uint8Array): number => {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (comparePaths(pathOf(items[middle]!), path) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** What a place is looked for by. */
export const pathOf = ({ path }: Leaf): Uint8Array => path
export const lastOf = ({ last }: Subtree): Uint8Array => last

/** The entry at a path. Reads one node of each level. */
export const lookup: (
  reader: BlockReader,
  tree: Ref,
  path: string,
) => Effect.Effect<Listed | undefined, FormatError> = Effect.fnUntraced(function* (reader, tree, path) {
  const bytes = pathToBytes(path)
  let { bptr } = tree
  for (let height = 0; height <= HEIGHT_MAXIMUM; height++) {
    const node = yield* readNode(reader, bptr)
    if (node.subtrees.length === 0) {
      const found = node.leaves[placeOf(node.leaves, bytes, pathOf)]
      if (found === undefined || comparePaths(found.path, bytes) !== 0) return undefined
      return yield* Effect.mapError(catching(KernelError, () => decodeLeaf(found)), damaged(bptr))
    }
    const below = node.subtrees[placeOf(node.subtrees, bytes, lastOf)]
    if (below === undefined || comparePaths(below.first, bytes) > 0) return undefined
    bptr = below.bptr!
  }
  return yield* Effect.fail(damaged(bptr)({ message: "it is too deep" }))
})
