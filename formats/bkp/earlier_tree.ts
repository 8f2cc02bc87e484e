/** The tree of an earlier snapshot, walked beside a new one so that what is unchanged is not read or stored again. */
import * as Effect from "effect/Effect"
import type { Earlier } from "../../stages/catalog/reuse.ts"
import type { StoreError } from "../../stages/store/store.ts"
import { compareNames } from "../../stages/walk/order.ts"
import { joinPath, pathFromBytes } from "../../stages/walk/path.ts"
import type { FormatError } from "../error.ts"
import { toMetadata } from "./attributes.ts"
import { isDamage } from "./errors.ts"
import type { ObjectReader } from "./object_reader.ts"
import { FILE, idAt, idCount, type NodeObject, TREE } from "./objects.ts"
import { chunkListOf } from "./packing.ts"
import { readNode } from "./tree_read.ts"

/** A node of an earlier tree. */
export interface EarlierNode {
  readonly id: Uint8Array
  readonly node: NodeObject
}

/** A search compares this many names one after the other before it halves the rest. */
const STEPS = 8

/** A directory of an earlier tree. Its children are sorted by name. */
export class EarlierDirectory {
  readonly id: Uint8Array
  readonly node: NodeObject
  readonly #metadata: ObjectReader
  /** Where the next name is likely to be, since names are asked for in order. */
  #at = 0

  constructor(metadata: ObjectReader, { id, node }: EarlierNode) {
    this.#metadata = metadata
    this.id = id
    this.node = node
  }

  get #count(): number {
    return idCount(this.node.body)
  }

  /** All children, in order. */
  *children(): Generator<Effect.Effect<EarlierNode, FormatError>, void> {
    for (let i = 0; i < this.#count; i++) yield this.#child(i)
  }

  #child(i: number): Effect.Effect<EarlierNode, FormatError> {
    const id = idAt(this.node.body, i)
    return Effect.map(readNode(this.#metadata, id), (node) => ({ id, node }))
  }

  /** The child with a name; undefined if there is none, or if an object on the way to it is damaged or missing. */
  find(name: string): Effect.Effect<EarlierNode | undefined, StoreError> {
    return Effect.catch(
      this.#search(name),
      (error) => isDamage(error) ? Effect.succeed(undefined) : Effect.fail(error as StoreError),
    )
  }

  #search: (name: string) => Effect.Effect<EarlierNode | undefined, FormatError> = Effect.fnUntraced(
    { self: this },
    function* (name) {
      let from = 0
      let to = this.#count
      for (let step = 0, at = this.#at; from < to; step++) {
        const child = yield* this.#child(at)
        const order = compareNames(pathFromBytes(child.node.name), name)
        if (order === 0) {
          this.#at = Math.min(at + 1, this.#count - 1)
          return child
        }
        if (order < 0) from = at + 1
        else to = at
        this.#at = Math.min(from, this.#count - 1)
        at = step < STEPS && order < 0 ? from : (from + to) >>> 1
      }
      return undefined
    },
  )
}

/** Finds directories of an earlier snapshot. Paths are asked for depth-first, so only one line of descent is held. */
export class EarlierTree {
  readonly #metadata: ObjectReader
  readonly #line: Array<{ readonly path: string; readonly directory: EarlierDirectory | undefined }>

  constructor(metadata: ObjectReader, root: EarlierNode | undefined) {
    this.#metadata = metadata
    this.#line = [{ path: "", directory: root === undefined ? undefined : new EarlierDirectory(metadata, root) }]
  }

  /** The directory at a path; undefined if there was none. */
  directory: (path: string) => Effect.Effect<EarlierDirectory | undefined, StoreError> = Effect.fnUntraced(
    { self: this },
    function* (path) {
      const line = this.#line
      while (!isWithin(path, line.at(-1)!.path)) line.pop()
      for (;;) {
        const above = line.at(-1)!
        if (above.path === path) return above.directory
        const start = above.path === "" ? 0 : above.path.length + 1
        const slash = path.indexOf("/", start)
        const name = path.slice(start, slash < 0 ? undefined : slash)
        const found = above.directory === undefined ? undefined : yield* above.directory.find(name)
        line.push({
          path: joinPath(above.path, name),
          directory: found?.node.type === TREE ? new EarlierDirectory(this.#metadata, found) : undefined,
        })
      }
    },
  )
}

/** Whether a path is that of a directory, or beneath it. */
export const isWithin = (path: string, directory: string): boolean =>
  directory === "" || path === directory || path.startsWith(`${directory}/`)

/** The files of an earlier directory by name, for `reuseListed`. */
export const earlierFiles: (
  tree: EarlierTree,
  blocks: ObjectReader,
  path: string,
) => Effect.Effect<ReadonlyMap<string, Earlier>, StoreError> = Effect.fnUntraced(function* (tree, blocks, path) {
  const files = new Map<string, Earlier>()
  const directory = yield* tree.directory(path)
  if (directory === undefined) return files
  for (const child of directory.children()) {
    const found = yield* Effect.catch(
      child,
      (error) => isDamage(error) ? Effect.succeed(undefined) : Effect.fail(error as StoreError),
    )
    if (found === undefined || found.node.type !== FILE || isRacy(found.node)) continue
    const name = pathFromBytes(found.node.name)
    files.set(name, {
      path: joinPath(path, name),
      kind: "file",
      ...chunkListOf(found.node.body, blocks),
      contentId: found.node.body,
      metadata: toMetadata(found.node.attributes),
    })
  }
  return files
})

/**
 * Whether a file may have changed after it was read, within the second that its times tell. The time of creation of an
 * object is the start of its run, before any file was read. The second before that counts too, since the clocks of file
 * systems lag behind.
 */
const isRacy = ({ attributes: { ctime, mtime }, createTime }: NodeObject): boolean =>
  (ctime === 0n ? mtime : ctime) + 1n >= createTime
