/** Reads the tree of a snapshot: its objects, as entries. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { emptyList } from "../../stages/hash/chunk_list.ts"
import { catching } from "../../stages/kernel/catching.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { compareNames } from "../../stages/walk/order.ts"
import { depthProblem, displayPath, joinPath, pathFromBytes, pathProblem } from "../../stages/walk/path.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { Problem } from "../repository.ts"
import { isImplied, toMetadata } from "./attributes.ts"
import { corrupt, isDamage } from "./errors.ts"
import { singleName } from "./layout.ts"
import type { ObjectReader } from "./object_reader.ts"
import { decodeNode, FILE, idAt, idCount, type NodeObject, SYMLINK, TREE } from "./objects.ts"

/** Entries that are emitted at once. */
const PAGE = 256

/** An entry from its object. The list of chunks is still empty. */
export interface TreeEntry extends Stored {
  /** The IDs of the chunks of a file, 32 bytes each; the lengths are not known here. */
  readonly ids: Uint8Array
}

/** Something that a tree has lost. `path` is that of the directory above it. */
export interface TreeProblem extends Problem {
  /** The damaged or missing object. */
  readonly object: string
  readonly cause?: unknown
}

/** A directory that is being read. */
interface Frame {
  readonly path: string
  /** IDs. */
  readonly children: Uint8Array
  /** The position of the next child. */
  next: number
  /** The name of the last child. */
  last: string | undefined
}

/**
 * The entries of the tree with this root, depth-first. Lost ones are left out and reported to `problem`. `skip` is
 * asked about the ID of every tree beneath the root; true leaves that directory out. Fails if the root is lost.
 */
export const treeEntries = (
  metadata: ObjectReader,
  root: Uint8Array,
  problem: (problem: TreeProblem) => void,
  skip: (id: Uint8Array) => boolean = () => false,
): Stream.Stream<TreeEntry, FormatError> =>
  Stream.unwrap(Effect.map(rootOf(metadata, root), (node) => {
    const stack: Array<Frame> = [frameOf("", node)]
    const first = isImplied(node.attributes) ? [] : [entryOf("", node)]
    const page = Effect.fnUntraced(function* (start: ReadonlyArray<TreeEntry>) {
      const entries = [...start]
      while (entries.length < PAGE && stack.length > 0) {
        const frame = stack.at(-1)!
        if (frame.next === idCount(frame.children)) {
          stack.pop()
          continue
        }
        const id = idAt(frame.children, frame.next++)
        const child = yield* Effect.catch(readNode(metadata, id), (error) => {
          if (!isDamage(error)) return Effect.fail(error)
          const object = error.object!
          problem({ path: frame.path, object, message: `Something in it is lost: ${error.message}`, cause: error })
          return Effect.succeed(undefined)
        })
        if (child === undefined) continue
        const name = pathFromBytes(child.name)
        const path = joinPath(frame.path, name)
        const wrong = problemOf(frame, name, path)
        if (wrong !== undefined) {
          const object = singleName("metadata", id)
          problem({ path: frame.path, object, message: `"${displayPath(name)}" in it is left out: ${wrong}` })
          continue
        }
        frame.last = name
        if (child.type === TREE) {
          if (skip(id)) continue
          stack.push(frameOf(path, child))
          if (isImplied(child.attributes)) continue
        }
        entries.push(entryOf(path, child))
      }
      return [entries, stack.length > 0 ? Option.some<ReadonlyArray<TreeEntry>>([]) : Option.none()] as const
    })
    return Stream.paginate<ReadonlyArray<TreeEntry>, TreeEntry, FormatError, never>(first, page)
  }))

/** Reads a tree, symlink or file by its ID. */
export const readNode = (metadata: ObjectReader, id: Uint8Array): Effect.Effect<NodeObject, FormatError> => {
  const decode = (bytes: Uint8Array) => catching(RepositoryError, () => decodeNode(singleName("metadata", id), bytes))
  const kept = metadata.kept(id)
  return kept === undefined ? Effect.flatMap(metadata.read(id), decode) : decode(kept)
}

/** The root tree of a snapshot. */
const rootOf: (metadata: ObjectReader, id: Uint8Array) => Effect.Effect<NodeObject, FormatError> = Effect.fnUntraced(
  function* (metadata, id) {
    const node = yield* readNode(metadata, id)
    if (node.type === TREE && node.name.length === 0) return node
    const name = singleName("metadata", id)
    return yield* corrupt(
      name,
      `Object ${bytesToHex(id)} is the root of a snapshot, but it is not a tree with an empty name`,
    )
  },
)

const frameOf = (path: string, { body }: NodeObject): Frame => ({ path, children: body, next: 0, last: undefined })

/** Why a child cannot be in a directory; undefined if it can. */
const problemOf = ({ last }: Frame, name: string, path: string): string | undefined => {
  if (name === "" || name.includes("/")) return "its name is not valid"
  if (last !== undefined && compareNames(last, name) >= 0) return "it is not in order"
  return depthProblem(path) ?? pathProblem(name)
}

const entryOf = (path: string, { attributes, body, type }: NodeObject): TreeEntry => ({
  path,
  kind: type === TREE ? "directory" : type === FILE ? "file" : "symlink",
  metadata: toMetadata(attributes),
  size: type === FILE ? undefined : 0,
  chunks: emptyList,
  reused: false,
  ids: type === FILE ? body : emptyList,
  ...(type === SYMLINK ? { target: pathFromBytes(body) } : {}),
})
