/** A tree in memory as a {@link Target}. */
import { concat, Equivalence } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Content, Entry } from "./entry.ts"
import { type SourceError, TargetError } from "./errors.ts"
import { feed } from "./feed.ts"
import { bytesOf, memoryFidelity, type MemoryNode, metadataOf } from "./memory_tree.ts"
import { type InPlace, judge } from "./overwrite.ts"
import { displayPath, joinPath, parentPath, pathProblem } from "./path.ts"
import { changedWhileCopied } from "./reread.ts"
import { Target, type TargetOptions, type TargetSession, type Written } from "./target.ts"

/** A target in memory. */
export interface MemoryTarget extends Target {
  /** What was written so far, by path. `memorySource` takes it as it is. The object has no prototype. */
  readonly tree: Record<string, MemoryNode>
}

/**
 * A target that collects entries in memory. The root that it is opened with is a path in `tree`, as for `memorySource`.
 *
 * @example Copy a tree
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { memorySource, memoryTarget, Target, write } from "@penstock/penstock"
 *
 * const target = memoryTarget()
 * const entries = memorySource({ "a.txt": { content: "Hello" } }).entries("", {})
 * const { written } = await Effect.runPromise(write("copy")(entries).pipe(Effect.provideService(Target, target)))
 * assert.equal(written, 2)
 * assert.ok("copy/a.txt" in target.tree)
 * ```
 */
export const memoryTarget = (): MemoryTarget => {
  const tree: Record<string, MemoryNode> = Object.create(null)
  return {
    fidelity: memoryFidelity,
    tree,
    open: (root, options) =>
      Effect.sync((): TargetSession => {
        const start = root.replace(/^\/+|\/+$/g, "")
        return {
          write: (entries) =>
            Effect.forEach(entries, (entry) =>
              writeEntry(tree, start, entry, options).pipe(
                Effect.catch((error) =>
                  Effect.succeed<Written>({ path: entry.path, outcome: "failed", message: error.message })
                ),
              )),
          finish: Effect.succeed([]),
        }
      }),
  }
}

const writeEntry = Effect.fnUntraced(function* (
  tree: Record<string, MemoryNode>,
  root: string,
  entry: Entry,
  { devices = false, overwrite = "always" }: TargetOptions,
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
  const judged = existing === undefined ? "write" : judge(overwrite, entry, inPlaceOf(existing))
  if (kind === "directory") {
    if (judged === "keep" && !("directory" in existing!)) return yield* refuse("Something else is in its place")
    tree[key] = { ...metadata, directory: true }
    return { path, outcome: existing !== undefined && "directory" in existing ? "unchanged" : "written" }
  }
  if (judged === "keep") return { path, outcome: "kept" }
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
  if (judged === "trust") {
    tree[key] = { ...existing!, ...metadata }
    return { path, outcome: "unchanged" }
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
  if (linked !== undefined && "content" in linked && Equivalence(bytesOf(linked.content), content)) tree[key] = linked
  else tree[key] = { ...metadata, content, ...(entry.sparse === true ? { sparse: true } : undefined) }
  const same = existing !== undefined && "content" in existing && Equivalence(bytesOf(existing.content), content)
  return { path, outcome: same ? "unchanged" : "written" }
})

const inPlaceOf = (node: MemoryNode): InPlace => ({
  kind: "content" in node
    ? "file"
    : "directory" in node
    ? "directory"
    : "symlink" in node
    ? "symlink"
    : "special" in node
    ? node.special
    : "unreadable",
  size: "content" in node ? bytesOf(node.content).length : 0,
  mtime: node.mtime,
})

/** Whether a node is the same symlink, fifo, socket or device node as another. Metadata does not count. */
const isSameNode = (have: MemoryNode | undefined, node: MemoryNode): have is MemoryNode => {
  if (have === undefined || !(["symlink", "special"].some((key) => key in have))) return false
  const [a, b] = [have, node] as unknown as [Record<string, unknown>, Record<string, unknown>]
  return ["symlink", "special", "major", "minor"].every((key) => a[key] === b[key])
}

/** All of a content, in a fresh array. Fails when it changes meanwhile. */
const readAll = (path: string, content: Content): Effect.Effect<Uint8Array, SourceError> =>
  Effect.gen(function* () {
    const pieces: Array<Uint8Array> = []
    const { changed } = yield* feed(content, undefined, (bytes) => Effect.sync(() => void pieces.push(bytes.slice())))
    if (changed) return yield* changedWhileCopied(path)
    return concat(pieces)
  })

/**
 * A {@link memoryTarget} as a layer.
 *
 * @example Write entries and look only at the summary
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { memorySource, memoryTargetLayer, write } from "@penstock/penstock"
 *
 * const entries = memorySource({ "a.txt": { content: "Hello" } }).entries("", {})
 * const summary = await Effect.runPromise(write("")(entries).pipe(Effect.provide(memoryTargetLayer)))
 * assert.equal(summary.bytes, 5)
 * ```
 */
export const memoryTargetLayer: Layer.Layer<Target> = Layer.sync(Target, memoryTarget)
