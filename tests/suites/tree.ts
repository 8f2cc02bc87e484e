/** Trees for tests: arbitrary ones for properties, and a large synthetic one. */
import fc from "fast-check"
import type { Metadata } from "../../stages/walk/entry.ts"
import { pathFromBytes } from "../../stages/walk/path.ts"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"

const NONE: Uint8Array = new Uint8Array(0)

const optional = <A>(arbitrary: fc.Arbitrary<A>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
const u32 = fc.nat(0xffffffff)
const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

const defined = <A extends object>(fields: A): { [K in keyof A]: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never

const metadata: fc.Arbitrary<Metadata> = fc.record({
  mode: optional(fc.nat(0o7777)),
  uid: optional(fc.oneof(fc.nat(2), u32)),
  gid: optional(fc.oneof(fc.nat(2), u32)),
  user: optional(fc.constantFrom("root", "ärger", "me")),
  group: optional(fc.constantFrom("root", "users")),
  mtime: optional(fc.oneof(i64, fc.constantFrom(0n, 1n, 1_700_000_000_123_456_789n))),
  ctime: optional(i64),
  inode: optional(u64),
  device: optional(u64),
}).map(defined)

/** An entry at a path that is yet to be given, and what is below it if it is a directory. */
interface Node {
  readonly entry: StoredEntry
  readonly children: ReadonlyMap<string, Node>
}

/**
 * Few names, so that trees have paths in common; among them some that sort differently as bytes than as UTF-16, or are
 * not UTF-8.
 */
const names = fc.constantFrom(
  ...[
    "a",
    "b",
    "a.b",
    "a!",
    "-",
    "é",
    "\u{1f980}",
    "\ufffd",
    pathFromBytes(Uint8Array.of(0xff, 0x61)),
    "x".repeat(300),
  ],
)
const chunks = fc.oneof(fc.constant(0), fc.nat(3), fc.constant(200)).chain((n) =>
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((seed) => new Uint8Array(36 * n).map((_, i) => seed[i % 4]!))
)

const leaf: fc.Arbitrary<StoredEntry> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      metadata,
      size: fc.nat(Number.MAX_SAFE_INTEGER),
      chunks,
      sparse: optional(fc.constant(true)),
      linkTo: optional(fc.constant("a/b")),
    })
      .map((fields) => ({ path: "", kind: "file" as const, ...defined(fields) })),
  },
  fc.record({ metadata, target: fc.constantFrom("/etc", "../é", "\udcff"), linkTo: optional(fc.constant("a/b")) })
    .map((fields) => ({ path: "", kind: "symlink" as const, size: 0, chunks: NONE, ...defined(fields) })),
  fc.record({ metadata, kind: fc.constant("socket" as const) })
    .map((fields) => ({ path: "", size: 0, chunks: NONE, ...fields })),
  fc.record({ metadata, kind: fc.constant("fifo" as const), linkTo: optional(fc.constant("é")) })
    .map((fields) => ({ path: "", size: 0, chunks: NONE, ...defined(fields) })),
  fc.record({
    metadata,
    kind: fc.constantFrom("character" as const, "block" as const),
    rdev: fc.tuple(u32, u32).map(([major, minor]) => ({ major, minor })),
    linkTo: optional(fc.constant("a/b")),
  })
    .map((fields) => ({ path: "", size: 0, chunks: NONE, ...defined(fields) })),
)

const node = (depth: number): fc.Arbitrary<Node> => {
  const file = leaf.map((entry): Node => ({ entry, children: new Map() }))
  return depth === 0 ? file : fc.oneof({ weight: 2, arbitrary: file }, directory(depth - 1))
}

const directory = (depth: number): fc.Arbitrary<Node> =>
  fc.record({ metadata, children: fc.array(fc.tuple(names, node(depth)), { maxLength: 5 }) })
    .map(({ metadata, children }) => ({
      entry: { path: "", kind: "directory", metadata, size: 0, chunks: NONE },
      children: new Map(children),
    }))

/** A whole tree as a walk gives it, the root first. */
export const trees: fc.Arbitrary<ReadonlyArray<StoredEntry>> = directory(3).map((root) => {
  const out: Array<StoredEntry> = []
  const visit = (path: string, { entry, children }: Node): void => {
    out.push({ ...entry, path })
    const sorted = [...children].sort(([a], [b]) => compareNames(a, b))
    const below = (name: string): string => path === "" ? name : `${path}/${name}`
    for (const [name, child] of sorted) if (child.entry.kind !== "directory") visit(below(name), child)
    for (const [name, child] of sorted) if (child.entry.kind === "directory") visit(below(name), child)
  }
  visit("", root)
  return out
})

/** Entries of any kind, at any path. */
export const entries: fc.Arbitrary<StoredEntry> = fc.tuple(leaf, fc.array(names, { minLength: 1, maxLength: 4 }))
  .map(([entry, components]) => ({ ...entry, path: components.join("/") }))

const compareNames = (a: string, b: string): number => Buffer.compare(nameBytes(a), nameBytes(b))

const nameBytes = (name: string): Uint8Array =>
  // Written out instead of called, so that a wrong order would be noticed.
  Buffer.concat([...name].map((c) => {
    const code = c.charCodeAt(0)
    return c.length === 1 && code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(c)
  }))

/**
 * `count` entries or a few more: directories with some files each, three levels deep, as beneath `/usr/share`. The same
 * at each call.
 */
export const syntheticTree = (count: number): Array<StoredEntry> => {
  let seed = 7
  const random = (below: number): number => {
    seed ^= seed << 13
    seed ^= seed >>> 17
    seed ^= seed << 5
    return (seed >>> 0) % below
  }
  const out: Array<StoredEntry> = []
  const metadata = (mode: number): Metadata => ({
    mode,
    uid: 0,
    gid: 0,
    user: "root",
    group: "root",
    mtime: 1_690_000_000_000_000_000n + BigInt(random(1e9)) * 1_000_000n,
    ctime: 1_690_001_000_000_000_001n + BigInt(random(1e9)) * 100n,
    inode: 1_000_000n + BigInt(out.length),
    device: 2050n,
  })
  const number = (n: number): string => String(n).padStart(5, "0")
  const fill = (path: string, depth: number): void => {
    out.push({ path, kind: "directory", metadata: metadata(0o755), size: 0, chunks: NONE })
    const prefix = path === "" ? "" : `${path}/`
    for (let i = 0, n = random(20); i < n; i++) {
      const chunks = new Uint8Array(36 * (random(200) === 0 ? 1 + random(40) : 1))
      for (let word = new Uint32Array(chunks.buffer), w = 0; w < word.length; w++) word[w] = random(2 ** 32)
      out.push({
        path: `${prefix}file-${number(i)}.html`,
        kind: "file",
        metadata: metadata(0o644),
        size: random(1e5),
        chunks,
      })
    }
    for (let i = 0; i < (depth === 0 ? count : depth < 4 ? random(6) : 0) && out.length < count; i++) {
      fill(`${prefix}part-${number(i)}`, depth + 1)
    }
  }
  fill("", 0)
  return out
}

/** A session that makes `tree` hold exactly `entries`. */
export const store = (tree: Tree, entries: Iterable<StoredEntry>, onChange?: Parameters<Tree["begin"]>[0]): void => {
  tree.begin(onChange)
  for (const entry of entries) tree.put(entry)
  tree.removeUnseen()
  tree.commit()
}
