/**
 * Trees in memory as {@link Source} and {@link Target}: for tests, for browsers, and for content that a program makes
 * itself.
 */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Content, Entry, Metadata } from "./entry.ts"
import { CACHE_TAG, type Excludes, isCacheTag, makeExcludes } from "./ignore.ts"
import { sortNames } from "./order.ts"
import { baseName, depthProblem, displayPath, joinPath, parentPath, pathProblem } from "./path.ts"
import { Source, SourceError, type WalkOptions } from "./source.ts"
import { Target, TargetError, type TargetSession, type Written } from "./target.ts"

/** What is at a path, with its metadata. One node at several paths is one file with several hard links. */
export type MemoryNode =
  & Metadata
  & (
    | { readonly content: Uint8Array | string; readonly sparse?: boolean }
    | { readonly directory: true }
    | { readonly symlink: string }
    | { readonly special: "fifo" | "socket" }
    | { readonly special: "character" | "block"; readonly major: number; readonly minor: number }
    | { readonly unreadable: string }
  )

/**
 * Nodes by path, in the form of `Entry.path`. Directories that have nothing to say beside what is in them may be left
 * out.
 */
export type MemoryTree = Readonly<Record<string, MemoryNode>>

const fidelity: Source["fidelity"] = {
  kinds: ["file", "directory", "symlink", "fifo", "socket", "character", "block", "unreadable"],
  mode: true,
  owner: true,
  mtime: 1,
  hardlinks: true,
  sparse: true,
  byteNames: true,
}

/**
 * Walks a tree. A root is a path in it, with or without slashes around; `""` and `/` are the whole tree.
 * Strings as content are UTF-8. `oneFileSystem` changes nothing.
 */
export const memorySource = (tree: MemoryTree): Source => ({
  fidelity,
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

const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content

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

const metadataKeys = ["mode", "uid", "gid", "user", "group", "mtime", "ctime", "inode", "device"] as const

const metadataOf = (from: Metadata | undefined): Metadata =>
  Object.fromEntries(metadataKeys.flatMap((key) => from?.[key] === undefined ? [] : [[key, from[key]]]))

/** A target in memory. */
export interface MemoryTarget extends Target {
  /** What was written so far, by path; a {@link memorySource} takes it as it is. Has no prototype. */
  readonly tree: Record<string, MemoryNode>
}

/** Collects entries. The root it is opened with is a path in `tree`, as of {@link memorySource}. */
export const memoryTarget = (): MemoryTarget => {
  const tree: Record<string, MemoryNode> = Object.create(null)
  return {
    fidelity: { ...fidelity, kinds: fidelity.kinds.filter((kind) => kind !== "unreadable") },
    tree,
    open: (root, options) =>
      Effect.sync((): TargetSession => {
        const start = root.replace(/^\/+|\/+$/g, "")
        return {
          write: (entries) =>
            Effect.forEach(entries, (entry) =>
              store(tree, start, entry, options.devices === true).pipe(
                Effect.catch((error) =>
                  Effect.succeed<Written>({ path: entry.path, outcome: "failed", message: error.message })
                ),
              )),
          finish: Effect.succeed([]),
        }
      }),
  }
}

const store = Effect.fnUntraced(function* (
  tree: Record<string, MemoryNode>,
  root: string,
  entry: Entry,
  devices: boolean,
): Effect.fn.Return<Written, SourceError | TargetError> {
  const { path, kind, rdev } = entry
  const refuse = (message: string) => Effect.fail(new TargetError({ reason: "refused", path, message }))
  const problem = pathProblem(path) ?? (entry.linkTo === undefined ? undefined : pathProblem(entry.linkTo)) ??
    (path === "" && kind !== "directory" ? "only a directory can be the root" : undefined)
  if (problem !== undefined) return yield* refuse(`Refused because of its path: ${problem}`)
  for (let at = parentPath(path); at !== ""; at = parentPath(at)) {
    const node = tree[joinPath(root, at)]
    if (node !== undefined && !("directory" in node)) {
      return yield* refuse(`"${displayPath(at)}" is not a directory: nothing is written through it`)
    }
  }
  for (let at = parentPath(path); at !== ""; at = parentPath(at)) tree[joinPath(root, at)] ??= { directory: true }
  const key = joinPath(root, path)
  const metadata = metadataOf(entry.metadata)
  const existing = tree[key]
  if (kind === "directory") {
    tree[key] = { ...metadata, directory: true }
    return { path, outcome: existing !== undefined && "directory" in existing ? "unchanged" : "written" }
  }
  if (
    existing !== undefined && "directory" in existing && Object.keys(tree).some((other) => other.startsWith(`${key}/`))
  ) {
    return yield* refuse("A directory that is not empty is in its place")
  }
  if (kind === "unreadable") return { path, outcome: "skipped", message: entry.problem ?? "It was not readable" }
  if (kind !== "file") {
    if (kind === "symlink" && (!entry.target || entry.target.includes("\0"))) {
      return yield* refuse("Refused because of its link target")
    }
    const device = kind === "character" || kind === "block"
    if (device && !devices) return { path, outcome: "skipped", message: "Device nodes are made only when asked for" }
    const { major, minor } = rdev ?? { major: 0, minor: 0 }
    const node: MemoryNode = kind === "symlink"
      ? { ...metadata, symlink: entry.target! }
      : kind === "character" || kind === "block"
      ? { ...metadata, special: kind, major, minor }
      : { ...metadata, special: kind }
    const linked = entry.linkTo === undefined ? undefined : tree[joinPath(root, entry.linkTo)]
    tree[key] = isSameNode(linked, node) ? linked : node
    return { path, outcome: isSameNode(existing, node) ? "unchanged" : "written" }
  }
  const content = yield* readAll(path, entry.content ?? new Uint8Array(0))
  if (entry.size !== undefined && content.length !== entry.size) {
    return {
      path,
      outcome: "failed",
      message: `Its content is ${content.length} bytes long instead of ${entry.size}`,
    }
  }
  const linked = entry.linkTo === undefined ? undefined : tree[joinPath(root, entry.linkTo)]
  if (linked !== undefined && "content" in linked && sameBytes(bytesOf(linked.content), content)) tree[key] = linked
  else tree[key] = { ...metadata, content, ...(entry.sparse === true ? { sparse: true } : undefined) }
  const same = existing !== undefined && "content" in existing && sameBytes(bytesOf(existing.content), content)
  return { path, outcome: same ? "unchanged" : "written" }
})

/** Whether there is a symlink, fifo, socket or device node that is the same as another, but for its metadata. */
const isSameNode = (have: MemoryNode | undefined, node: MemoryNode): have is MemoryNode => {
  if (have === undefined || !(["symlink", "special"].some((key) => key in have))) return false
  const [a, b] = [have, node] as unknown as [Record<string, unknown>, Record<string, unknown>]
  return ["symlink", "special", "major", "minor"].every((key) => a[key] === b[key])
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/** All of a content, in a fresh array. */
const readAll = (path: string, content: Content): Effect.Effect<Uint8Array, SourceError> => {
  if (content instanceof Uint8Array) return Effect.succeed(content.slice())
  if (Stream.isStream(content)) {
    return Effect.map(Stream.runCollect(content as Stream.Stream<Uint8Array, SourceError>), concat)
  }
  return Effect.try({
    try: () => {
      const reader = content.open()
      try {
        const parts: Array<Uint8Array> = []
        for (;;) {
          const buffer = new Uint8Array(1 << 16)
          const count = reader.read(buffer)
          parts.push(buffer.subarray(0, count))
          if (count < buffer.length) break
        }
        if (reader.finish().changed) {
          throw new SourceError({ reason: "changed", path, message: "It changed while it was copied" })
        }
        return concat(parts)
      } finally {
        reader.close()
      }
    },
    catch: (cause) =>
      cause instanceof SourceError ? cause : new SourceError({ reason: "io", path, message: String(cause), cause }),
  })
}

/** A {@link memoryTarget} as a layer. */
export const memoryTargetLayer: Layer.Layer<Target> = Layer.sync(Target, memoryTarget)
