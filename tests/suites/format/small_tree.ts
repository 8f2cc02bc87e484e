/** Small trees of files with every kind of entry, for properties that write them. */
import fc from "fast-check"
import type { MemoryNode, MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { joinPath } from "../../../stages/walk/path.ts"

const metadata = fc.record({
  mode: fc.oneof(fc.constantFrom(0o644, 0o755), fc.nat(0o7777)),
  uid: fc.nat(70_000),
  gid: fc.nat(70_000),
  user: fc.constantFrom("root", "ärger"),
  group: fc.constantFrom("root", "users"),
  mtime: fc.oneof(
    fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n }),
    fc.constantFrom(0n, -1n, 1_600_000_000_123_456_789n),
  ),
})

const leaf: fc.Arbitrary<MemoryNode> = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 40 }).map((content) => ({ content })) },
  { weight: 2, arbitrary: fc.nat(70_000).map((length) => ({ content: "some text ".repeat(length / 10) })) },
  { weight: 1, arbitrary: fc.constant({ content: new Uint8Array(9000), sparse: true }) },
  { weight: 1, arbitrary: fc.constantFrom("a", "../é", "/no where").map((symlink) => ({ symlink })) },
  { weight: 1, arbitrary: fc.constantFrom({ special: "fifo" as const }, { special: "socket" as const }) },
  { weight: 1, arbitrary: fc.constant({ special: "block" as const, major: 8, minor: 1 }) },
).chain((node) => metadata.map((metadata) => ({ ...metadata, ...node })))

const name = fc.constantFrom(
  ...["a", "b", "a.b", "a-b", "A", "é", "\u{1f600} \n", "n".repeat(200), "\udcff\udc80", "constructor"],
)

interface Directory {
  readonly node: MemoryNode
  readonly inside: ReadonlyArray<readonly [string, MemoryNode | Directory]>
}

const directory = (depth: number): fc.Arbitrary<Directory> =>
  fc.record({
    node: metadata.map((metadata): MemoryNode => ({ ...metadata, directory: true })),
    inside: fc.uniqueArray(
      fc.tuple(
        name,
        depth === 0 ? leaf : fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 1, arbitrary: directory(depth - 1) }),
      ),
      { selector: ([name]) => name, maxLength: 5 },
    ),
  })

const flatten = (path: string, { node, inside }: Directory, into: Record<string, MemoryNode>): MemoryTree => {
  into[path] = node
  for (const [name, one] of inside) {
    if ("inside" in one) flatten(joinPath(path, name), one, into)
    else into[joinPath(path, name)] = one
  }
  return into
}

/** Up to some dozen entries with all of their metadata, among them hard links. */
export const smallTree: fc.Arbitrary<MemoryTree> = fc.tuple(directory(2), fc.boolean()).map(([root, link]) => {
  const tree: Record<string, MemoryNode> = Object.create(null)
  flatten("", root, tree)
  const file = Object.values(tree).find((node) => "content" in node)
  if (link && file !== undefined) {
    tree["a link"] = file
    tree["z/another"] = file
    tree["z"] = { ...tree[""]!, directory: true } as MemoryNode
  }
  return tree
})
