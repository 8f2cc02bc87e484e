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
 * Walks a tree. A root is a path in it, with or without slashes around; `""` and `/` are the whole tree.
 * Strings as content are UTF-8. `oneFileSystem` changes nothing.
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

/** A {@link memorySource} as a layer. */
export const memorySourceLayer = (tree: MemoryTree): Layer.Layer<Source> => Layer.succeed(Source, memorySource(tree))

/** Names in each directory that is named or implied. */
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
