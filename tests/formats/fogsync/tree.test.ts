import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import fc from "fast-check"
import type { TreeChange } from "../../../stages/catalog/tree/change.ts"
import { nativeGzip } from "../../../adapters/kernels/compress.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { type DataRef, refToChunks } from "../../../formats/fogsync/bptr.ts"
import { BlockReader } from "../../../formats/fogsync/block_read.ts"
import type { Opened } from "../../../formats/fogsync/opened.ts"
import { BlockStore } from "../../../formats/fogsync/block_store.ts"
import { readNode, walkTree } from "../../../formats/fogsync/tree_read.ts"
import { TreeWriter } from "../../../formats/fogsync/tree_write.ts"
import { decodeLeaf, encodeLeaf } from "../../../formats/fogsync/tree_leaf.ts"
import {
  decodeNode,
  encodeNode,
  lastOf,
  NODE_MAXIMUM,
  nodeOf,
  pathOf,
  splitNode,
} from "../../../formats/fogsync/tree_node.ts"
import { comparePaths, positionOf } from "../../../formats/fogsync/tree_order.ts"
import type { StoredEntry } from "../../../stages/catalog/tree/row.ts"
import { ChunkIndex } from "../../../stages/pack/chunk_index.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { pathToBytes } from "../../../stages/walk/path.ts"
import { noise } from "../../suites/noise.ts"
import { hex, keysFrom, reasonOf } from "./harness.ts"

const keys = keysFrom(noise(32))
const none = new Uint8Array(0)
const file = (path: string, size = 1): StoredEntry => ({
  path,
  kind: "file",
  metadata: { mode: 0o644, mtime: 1_600_000_000_123_456_789n },
  size,
  chunks: size === 0
    ? none
    : refToChunks({ bptr: { hash: noise(32, size), start: 0, end: 99, depth: 0 }, sha256: noise(32, 7), size }),
})
const directory = (path: string): StoredEntry => ({ path, kind: "directory", metadata: {}, size: 0, chunks: none })

const inStore = <A>(
  use: (blocks: () => BlockStore, opened: Opened, gets: () => number) => Effect.Effect<A, unknown>,
): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    let gets = 0
    const counting: ObjectStore = {
      ...store,
      get: (name, range) => {
        gets++
        return store.get(name, range)
      },
    }
    const opened = { store: counting, keys, gzip: nativeGzip({ level: 1 }) } as unknown as Opened
    return yield* use(() => new BlockStore(opened, new ChunkIndex()), opened, () => gets)
  })))

const listed = (opened: Opened, ref: DataRef | undefined) =>
  ref === undefined ? Effect.succeed([]) : Effect.map(
    Stream.runCollect(walkTree(new BlockReader(opened.store, keys), ref)),
    (all) => all.map(({ path }) => path),
  )

test("everything in a directory comes directly after it", () => {
  const order = ["", "a", "a/", "a/x", "a/x/y", "a-b", "a.b", "ab", "\u{e000}", "\u{1f600}"]
  const shuffled = order.toReversed().sort((a, b) => comparePaths(pathToBytes(a), pathToBytes(b)))
  assert.deepEqual(shuffled, order)
})

test("a node has the bytes that SPEC.md says", () => {
  const leaf = encodeLeaf({ ...file("d/a", 258), metadata: { mode: 0o755, mtime: -1n } })
  const address = hex(noise(32, 258)) + "00000000" + "00000063" + "00000000"
  assert.equal(
    hex(encodeNode(nodeOf([leaf]))),
    "0001" + "006b" + "0067" + "0001" + "0027" + address + "0003" + "642f61" + "ff".repeat(8) + "0000000000000102" +
      hex(noise(32, 7)),
  )
  const bptr = { hash: noise(32), start: 1, end: 2, depth: 3 }
  const subtree = { first: pathToBytes("a"), last: pathToBytes("bc"), count: 513, bptr }
  assert.equal(
    hex(encodeNode(nodeOf([], [subtree]))),
    "0001" + "0045" + "0041" + "0004" + "0000" + "0000000000000201" + hex(noise(32)) + "000000010000000200000003" +
      "000161" + "00026263",
  )
  for (const node of [nodeOf([leaf, encodeLeaf(directory("d/b"))]), nodeOf([], [subtree])]) {
    assert.deepEqual(decodeNode(encodeNode(node)), node)
  }
})

test("entries of every kind come back, with names that are not UTF-8", () => {
  const entries: ReadonlyArray<StoredEntry> = [
    directory(""),
    { ...directory("d \udcff"), metadata: { mtime: -(2n ** 63n) } },
    { ...file("d \udcff/a", 2 ** 40), metadata: { mode: 0o755, mtime: 1n, ctime: -1n, inode: 2n ** 64n - 1n } },
    { ...file("empty", 0), metadata: { mode: 0o644 } },
    { ...directory("link"), kind: "symlink", target: "\udc80 ../x" },
  ]
  for (const entry of entries) assert.deepEqual(decodeLeaf(encodeLeaf(entry)), entry)
})

test("nodes are split so that each fits", () => {
  fc.assert(fc.property(fc.array(fc.nat(4096), { minLength: 2, maxLength: 40 }), (lengths) => {
    const leaves = lengths.map((length, i) => encodeLeaf(directory(String(i).padEnd(length, "x"))))
    const node = nodeOf(leaves)
    const [left, right] = splitNode(node)
    assert.deepEqual([...left.leaves, ...right.leaves], leaves)
    assert.ok(left.leaves.length > 0 && right.leaves.length > 0)
    assert.ok(Math.max(left.bytes, right.bytes) <= node.bytes / 2 + 8400)
  }))
})

/** Looks up a path as SPEC.md says: from the top down, one node of each level. */
const lookup = (reader: BlockReader, tree: DataRef, path: string) =>
  Effect.gen(function* () {
    const bytes = pathToBytes(path)
    let { bptr } = tree
    for (;;) {
      const { leaves, subtrees } = yield* readNode(reader, bptr)
      if (subtrees.length === 0) {
        const found = leaves[positionOf(leaves, bytes, pathOf)]
        return found !== undefined && comparePaths(found.path, bytes) === 0 ? decodeLeaf(found) : undefined
      }
      const below = subtrees[positionOf(subtrees, bytes, lastOf)]
      if (below === undefined || comparePaths(below.first, bytes) > 0) return undefined
      bptr = below.bptr!
    }
  })

/** Changes with names of very different lengths, so that nodes have few items. */
const changes = fc.array(
  fc.record({
    remove: fc.boolean(),
    path: fc.array(fc.constantFrom("a", "b", "c".repeat(250), "d-", "\u{e000}", "\u{1f600}"), {
      minLength: 1,
      maxLength: 12,
    }).map((parts) => parts.join("/")),
    link: fc.nat(9),
  }),
  { maxLength: 80 },
)

test("a changed tree equals a changed list, and stored trees stay", () =>
  fc.assert(
    fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 3 }), (runs) =>
      inStore((blocks, opened) =>
        Effect.gen(function* () {
          const model = new Map<string, StoredEntry>()
          let ref: DataRef | undefined
          const earlier: Array<readonly [DataRef, ReadonlyArray<string>]> = []
          for (const run of runs) {
            const writer = new TreeWriter(opened, blocks(), ref)
            for (const { link, path, remove } of run) {
              const entry: StoredEntry = link === 0
                ? directory(path)
                : { ...directory(path), kind: "symlink", target: "t".repeat(400 * link) }
              const change: TreeChange = remove ? { op: "remove", path } : { op: "put", entry }
              if (remove || entry.kind !== "directory") {
                for (const other of model.keys()) {
                  if (other === path || other.startsWith(`${path}/`)) {
                    model.delete(other)
                  }
                }
              }
              if (!remove) {
                model.set(path, entry)
              }
              yield* writer.apply(change)
            }
            ref = yield* writer.finish
            const expected = [...model.keys()].sort((a, b) =>
              comparePaths(pathToBytes(a), pathToBytes(b))
            )
            assert.deepEqual(yield* listed(opened, ref), expected)
            if (ref !== undefined) earlier.push([ref, expected])
          }
          for (const [old, expected] of earlier) assert.deepEqual(yield* listed(opened, old), expected)
        })
      )),
    { numRuns: 25 },
  ))

test("a look-up reads one node of each level, and a change stores one of each", () =>
  inStore((blocks, opened, gets) =>
    Effect.gen(function* () {
      const count = 15_000
      const pathAt = (i: number) => `d${String(i % 100)}/${"long name ".repeat(3)}${i}`
      const first = blocks()
      const writer = new TreeWriter(opened, first, undefined)
      for (let i = 0; i < count; i++) {
        yield* writer.apply({ op: "put", entry: file(pathAt((i * 7919) % count), i + 1) }, true)
      }
      const ref = (yield* writer.finish)!
      const reader = () => new BlockReader(opened.store, keys)
      let before = gets()
      const found = yield* lookup(reader(), ref, pathAt(4321))
      assert.equal(found?.path, pathAt(4321))
      assert.ok(gets() - before <= 6, `${gets() - before} blocks were read of a tree of ${first.stored.objects}`)
      for (const path of ["", "d1", `${pathAt(1)}x`, "zzz"]) {
        assert.equal(yield* lookup(reader(), ref, path), undefined)
      }
      assert.equal((yield* listed(opened, ref)).length, count)

      const second = blocks()
      before = gets()
      const change = new TreeWriter(opened, second, ref)
      yield* change.apply({ op: "put", entry: file("d50/new") })
      const changed = (yield* change.finish)!
      assert.ok(gets() - before <= 6)
      assert.ok(second.stored.bytes < 200_000, `${second.stored.bytes} bytes for one entry`)
      assert.equal((yield* lookup(reader(), changed, "d50/new"))?.size, 1)
      assert.equal(yield* lookup(reader(), ref, "d50/new"), undefined)

      const none = new TreeWriter(opened, blocks(), ref)
      assert.equal(yield* none.finish, ref)
      const emptied = new TreeWriter(opened, blocks(), ref)
      for (let i = 0; i < 100; i++) yield* emptied.apply({ op: "remove", path: `d${i}` })
      assert.equal(yield* emptied.finish, undefined)
    })
  ))

test("the longest paths leave room for six subtrees in a node", () => {
  const path = pathToBytes("x".repeat(4096))
  const bptr = { hash: noise(32), start: 0, end: 1, depth: 0 }
  const subtree = { first: path, last: path, count: 1, bptr }
  assert.ok(nodeOf([], Array.from({ length: 6 }, () => subtree)).bytes <= NODE_MAXIMUM)
})

test("throws no other exception for damaged nodes", () => {
  const subtree = {
    first: pathToBytes("a"),
    last: pathToBytes("b"),
    count: 2,
    bptr: { hash: noise(32), start: 1, end: 2, depth: 0 },
  }
  const link: StoredEntry = { ...directory("link"), kind: "symlink", target: "target" }
  const samples = [
    encodeNode(nodeOf([file("a"), directory("b"), link].map(encodeLeaf))),
    encodeNode(nodeOf([], [subtree, { ...subtree, first: pathToBytes("c"), last: pathToBytes("d") }])),
  ]
  const use = (bytes: Uint8Array): void => {
    for (const leaf of decodeNode(bytes).leaves) decodeLeaf(leaf)
  }
  for (const sample of samples) {
    for (let length = 0; length < sample.length; length++) {
      assert.equal(reasonOf(() => use(sample.subarray(0, length))), "corrupt")
    }
    for (let at = 0; at < sample.length; at++) {
      for (const byte of [0, 1, 0x2f, 0x7f, 0xff]) {
        const damaged = sample.slice()
        damaged[at] = byte
        reasonOf(() => use(damaged))
      }
    }
    assert.equal(reasonOf(() => use(new Uint8Array([...sample, 0]))), "corrupt")
  }
  const mixed = nodeOf([encodeLeaf(file("0"))], [subtree])
  for (
    const bad of [mixed, nodeOf([encodeLeaf(file("b")), encodeLeaf(file("a"))]), nodeOf([encodeLeaf(file("../x"))])]
  ) {
    assert.equal(reasonOf(() => use(encodeNode(bad))), "corrupt")
  }
})
