/** Reads the tree of all paths. SPEC.md, "Listing as a tree". */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { displayPath, pathFromBytes } from "../../stages/walk/path.ts"
import type { FormatError } from "../error.ts"
import type { Bptr, DataRef } from "./bptr.ts"
import type { BlockReader } from "./block_read.ts"
import { corrupt, isDamage } from "./errors.ts"
import { blockObject } from "./layout.ts"
import { NODE_READ_MAXIMUM, TREE_HEIGHT_MAXIMUM } from "./limits.ts"
import type { Listed, ListingEvents } from "./listing.ts"
import { invalid } from "./tree_fields.ts"
import { decodeLeaf } from "./tree_leaf.ts"
import { boundsOf, decodeNode, type Node, type Subtree } from "./tree_node.ts"
import { comparePaths } from "./tree_order.ts"

const damaged = (bptr: Bptr) => ({ message }: { readonly message: string }) => {
  const name = blockObject(bptr.hash)
  return corrupt(name, `The part of the tree of paths that begins in ${name} is damaged: ${message}`)
}

/** Reads and decodes a node. Fails with `corrupt`. */
export const readNode = (reader: BlockReader, bptr: Bptr): Effect.Effect<Node, FormatError> =>
  Effect.flatMap(
    Stream.runCollect(reader.data(bptr, "a part of the tree of paths", NODE_READ_MAXIMUM)),
    (pieces) => Effect.mapError(catching(KernelError, () => decodeNode(concat(pieces))), damaged(bptr)),
  )

/** All entries in order. Fails only when the top of the tree is lost, or the store cannot be reached. */
export const walkTree = (
  reader: BlockReader,
  { bptr }: DataRef,
  events: ListingEvents = {},
): Stream.Stream<Listed, FormatError> => {
  let last: Uint8Array | undefined
  const walk = (at: Bptr, height: number, within?: Subtree): Stream.Stream<Listed, FormatError> => {
    if (events.skip?.(at) === true) return Stream.empty
    const bad = (message: string) => Stream.fail(damaged(at)({ message }))
    const inner = Effect.map(readNode(reader, at), (node): Stream.Stream<Listed, FormatError> => {
      if (height > TREE_HEIGHT_MAXIMUM) return bad("it is too deep")
      if (within !== undefined && !matches(node, within)) return bad("it has other paths than the node above says")
      if (node.subtrees.length > 0) {
        return Stream.flatMap(
          Stream.fromArray(node.subtrees),
          (subtree) => walk(subtree.bptr!, height + 1, subtree),
        )
      }
      return Stream.fromIterableEffect(Effect.mapError(
        catching(KernelError, () =>
          node.leaves.map((leaf) => {
            if (last !== undefined && comparePaths(last, leaf.path) >= 0) throw invalid("its paths are not in order")
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
        const message = `The entries from "${first}" to "${end}" are lost: ${error.message}`
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

/** Whether a node has the first and last path that the node above says. */
const matches = (node: Node, { first, last }: Subtree): boolean => {
  const [from, to] = boundsOf(node) ?? []
  return from !== undefined && comparePaths(from, first) === 0 && comparePaths(to!, last) === 0
}
