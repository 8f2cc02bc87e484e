/** A tree in memory as a {@link Source}. */
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Entry } from "./entry.ts"
import { SourceError } from "./errors.ts"
import { CACHE_TAG, type Excludes, isCacheTag, makeExcludes } from "./ignore.ts"
import { bytesOf, memoryFidelity, type MemoryNode, type MemoryTree, metadataOf } from "./memory_tree.ts"
import { sortNames } from "./order.ts"
import { baseName, depthProblem, displayPath, joinPath, parentPath } from "./path.ts"
import { Source, type WalkOptions } from "./source.ts"

/**
 * A source that walks a tree in memory. A root is a path in the tree, with or without slashes around it; `""` and `/`
 * stand for the whole tree. Text is encoded as UTF-8. The option `oneFileSystem` has no effect.
 *
 * @example List the files of a tree in memory
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { memorySource } from "@penstock/penstock"
 *
 * const source = memorySource({ "docs/a.txt": { content: "Hello" }, "docs/b.txt": { content: "World" } })
 * const entries = await Effect.runPromise(Stream.runCollect(source.entries("docs", {})))
 * assert.deepEqual(entries.map(({ path }) => path), ["", "a.txt", "b.txt"])
 * ```
 */
export const memorySource = (tree: MemoryTree): Source => ({
  fidelity: { ...memoryFidelity, kinds: [...memoryFidelity.kinds, "unreadable"] },
  entries: (root, options) =>
    Stream.suspend(() => {
      const start = root.replace(/^\/+|\/+$/g, "")
      const nodes = new Map(Object.entries(tree))
      const node = nodes.get(start)
      if (start !== "" && node !== undefined && !("directory" in node)) {
        return Stream.succeed(entryOf(baseName(start), node, new Map()))
      }
      const names = childrenOf(nodes)
      if (start !== "" && node === undefined && !names.has(start)) {
        const message = `No such file or directory: ${displayPath(root)}`
        return Stream.fail(new SourceError({ reason: "not-found", path: root, message }))
      }
      return Stream.fromIteratorSucceed(walkTree(nodes, names, start, options), 256)
    }),
})

/**
 * A {@link memorySource} as a layer.
 *
 * @example Walk with the layer
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { memorySourceLayer, walk } from "@penstock/penstock"
 *
 * const count = Stream.runCount(walk("")).pipe(
 *   Effect.provide(memorySourceLayer({ "a.txt": { content: "Hello" } })),
 * )
 * assert.equal(await Effect.runPromise(count), 2)
 * ```
 */
export const memorySourceLayer = (tree: MemoryTree): Layer.Layer<Source> => Layer.succeed(Source, memorySource(tree))

/** The names in each directory, including directories that only paths of other nodes name. */
const childrenOf = (nodes: ReadonlyMap<string, MemoryNode>): ReadonlyMap<string, Set<string>> => {
  const names = new Map<string, Set<string>>()
  for (const path of nodes.keys()) {
    for (let at = path; at !== ""; at = parentPath(at)) {
      const parent = parentPath(at)
      const siblings = names.get(parent)
      if (siblings === undefined) names.set(parent, new Set([baseName(at)]))
      else siblings.add(baseName(at))
    }
  }
  return names
}

function* walkTree(
  nodes: ReadonlyMap<string, MemoryNode>,
  names: ReadonlyMap<string, ReadonlySet<string>>,
  start: string,
  options: WalkOptions,
): Generator<Entry, void> {
  const excludes: Excludes | undefined = makeExcludes(options.ignore)
  const links = new Map<MemoryNode, string>()
  const isDirectory = (path: string): boolean => {
    const node = nodes.get(path)
    return node === undefined || "directory" in node
  }
  const walk = function* (path: string): Generator<Entry, void> {
    const full = joinPath(start, path)
    yield { path, kind: "directory", metadata: metadataOf(nodes.get(full)), size: 0 }
    let inside = sortNames([...names.get(full) ?? []])
    const deep = inside.length > 0 ? depthProblem(joinPath(path, inside[0]!)) : undefined
    if (deep !== undefined) {
      return yield { path, kind: "unreadable", metadata: {}, size: 0, problem: `What is in it is left out: ${deep}` }
    }
    const tag = nodes.get(joinPath(full, CACHE_TAG))
    if (options.excludeCaches === true && tag !== undefined && "content" in tag && isCacheTag(bytesOf(tag.content))) {
      inside = [CACHE_TAG]
      options.leftOut?.(path, "cache", true)
    }
    const directories: Array<string> = []
    for (const name of inside) {
      const at = joinPath(path, name)
      const directory = isDirectory(joinPath(full, name))
      if (excludes?.(at, directory) === true) {
        options.leftOut?.(at, "ignored", directory)
        continue
      }
      if (directory) directories.push(at)
      else yield entryOf(at, nodes.get(joinPath(full, name))!, links)
    }
    for (const at of directories) yield* walk(at)
  }
  yield* walk("")
}

const entryOf = (path: string, node: MemoryNode, links: Map<MemoryNode, string>): Entry => {
  const metadata = metadataOf(node)
  if ("unreadable" in node) return { path, kind: "unreadable", metadata, size: 0, problem: node.unreadable }
  if ("directory" in node) return { path, kind: "directory", metadata, size: 0 }
  const linkTo = "special" in node && node.special === "socket" ? undefined : links.get(node)
  if (linkTo === undefined) links.set(node, path)
  const linked = linkTo === undefined ? undefined : { linkTo }
  if ("symlink" in node) return { path, kind: "symlink", metadata, size: 0, target: node.symlink, ...linked }
  if ("major" in node) {
    const { major, minor } = node
    return { path, kind: node.special, metadata, size: 0, rdev: { major, minor }, ...linked }
  }
  if ("special" in node) return { path, kind: node.special, metadata, size: 0, ...linked }
  const content = bytesOf(node.content)
  return {
    path,
    kind: "file",
    metadata,
    size: content.length,
    content,
    ...linked,
    ...(node.sparse === true ? { sparse: true } : undefined),
  }
}
