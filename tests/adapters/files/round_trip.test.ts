/** Random trees: made by hand, walked, restored, and compared by `find` and `sha256sum`. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import fc from "fast-check"
import type { MemoryNode } from "../../../stages/walk/memory_tree.ts"
import { localSource } from "../../../adapters/files/source/source.ts"
import { localTarget } from "../../../adapters/files/target/target.ts"
import { writeEntries } from "../../suites/target.ts"
import { list, plant, temporaryDirectory } from "./plant.ts"

const source = localSource.make()
const target = localTarget.make()
const root = process.getuid?.() === 0

const name = fc.constantFrom(
  ...[
    "a",
    "b",
    "-rf",
    " ",
    "a b",
    "é",
    "e\u0301",
    "\u{1f600}",
    "\uffee",
    "new\nline",
    "\\",
    "*",
    "'\"",
    "x".repeat(200),
    ".penstock-1",
    "...",
  ],
  // These names are not UTF-8.
  ...(source.fidelity.byteNames ? ["\udcff", "a\udc80b"] : []),
)
const mtime = fc.oneof(
  fc.bigInt({ min: 0n, max: 2_000_000_000_000_000_000n }),
  fc.bigInt({ min: -2_000_000_000_000n, max: 2_000_000_000_000n }).map((ms) =>
    ms * (source.fidelity.mtime === 1 ? 1n : 1_000_000n)
  ),
)
// Without root, files without read permission cannot be read.
const mode = fc.nat(0o7777).map((bits) => root ? bits : bits | 0o700)
const node: fc.Arbitrary<MemoryNode> = fc.oneof(
  fc.record({ content: fc.uint8Array({ maxLength: 300 }), mode, mtime }),
  fc.record({ content: fc.constant(new Uint8Array(70_000)), sparse: fc.constant(true), mode, mtime }),
  fc.record({ directory: fc.constant(true as const), mode, mtime }),
  fc.record({ symlink: fc.oneof(name, fc.constantFrom("/", "..", "../a", "a/b", "no/where")) }),
  fc.record({ special: fc.constant("fifo" as const), mode }),
)
const trees = fc.array(fc.tuple(fc.array(name, { minLength: 1, maxLength: 3 }), node, fc.nat(4)), { maxLength: 14 })
  .map((all) => {
    const tree: Record<string, MemoryNode> = {}
    let last: MemoryNode | undefined
    for (const [components, made, link] of all) {
      const path = components.join("/")
      const taken = Object.keys(tree).some((other) => path.startsWith(`${other}/`) && !("directory" in tree[other]!))
      if (taken || path in tree || Object.keys(tree).some((other) => other.startsWith(`${path}/`))) continue
      // Some files are hard links to the previous one.
      const node = link === 0 && last !== undefined ? last : made
      if (!("directory" in node)) last = node
      // mkfifo takes only names in UTF-8.
      if (path.isWellFormed() || !("special" in node || node.mtime !== undefined)) tree[path] = node
      else if ("content" in node) {
        tree[path] = { content: node.content, ...(node.mode === undefined ? {} : { mode: node.mode }) }
      } else if ("directory" in node) tree[path] = { directory: true }
    }
    return tree
  })

const resolution = BigInt(Math.max(source.fidelity.mtime!, target.fidelity.mtime!))

test("a tree is the same after a walk and a restore, and after a second round", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(trees, (tree) =>
      Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const [from, to, further] = ["from", "to", "further"].map((part) => `${directory}/${part}`) as [
          string,
          string,
          string,
        ]
        fs.mkdirSync(from)
        plant(from, tree)
        const copy = (a: string, b: string) =>
          Effect.flatMap(Stream.runCollect(source.entries(a, {})), (entries) => writeEntries(target, b, entries))
        const before = list(from)
        for (const [a, b] of [[from, to], [from, to], [to, further]] as const) {
          const results = yield* copy(a, b)
          assert.deepEqual(results.filter((result) => "message" in result), [])
        }
        assert.deepEqual(facts(list(from)), facts(before), "the source is as it was")
        const restored = list(to)
        assert.deepEqual(facts(restored), facts(before))
        for (const [path, { mtime }] of before) {
          const off = restored.get(path)!.mtime - mtime
          assert.ok((off < 0n ? -off : off) < resolution, `${JSON.stringify(path)}: ${off} ns off`)
        }
        const again = list(further)
        assert.deepEqual(facts(again), facts(before))
        if (resolution < 1000n) {
          for (const [path, { mtime }] of restored) {
            assert.equal(again.get(path)!.mtime, mtime, `${path}: times are stable`)
          }
        }
      })))),
    { numRuns: 12, endOnFailure: true },
  )
})

const facts = (listing: ReturnType<typeof list>): Record<string, string> =>
  Object.fromEntries([...listing].map(([path, { facts }]) => [path, facts]))
