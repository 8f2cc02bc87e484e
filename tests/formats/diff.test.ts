/** `diff` finds every difference between two snapshots, in every format, and gives no other. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import * as fc from "fast-check"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { type Change, diff, type DifferenceSummary, type DiffOptions } from "../../formats/diff.ts"
import { fogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import type { Repository, SnapshotEntry } from "../../formats/repository.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { compareEntries } from "../../stages/walk/entry_order.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { runFormat } from "../suites/format/environment.ts"
import { noise } from "../suites/noise.ts"

const scrypt = { n: 1024, r: 8, p: 1 }
const password = { password: Redacted.make("secret") }
const FORMATS: ReadonlyArray<readonly [name: string, Format, Secrets]> = [
  ["rozen", makeRozen({ scrypt, average: 16 << 10 }), password],
  ["rozen, block version 0", makeRozen({ scrypt, version: 0 }), password],
  ["bkp", makeBkp({ iterations: 10 }), password],
  ["snapshot-catalog", makeSnapshotCatalog({ average: 16 << 10 }), {}],
  ["fogsync", fogsync, { key: Redacted.make(new Uint8Array(32)) }],
]

const walk = (tree: MemoryTree): ReadonlyArray<Entry> =>
  Effect.runSync(Stream.runCollect(memorySource(tree).entries("", {})))

/** A repository with a snapshot of each list of entries. */
const withSnapshots = Effect.fnUntraced(function* (
  format: Format,
  secrets: Secrets,
  snapshots: ReadonlyArray<ReadonlyArray<Entry>>,
) {
  const repository = yield* Effect.provideService(format.create(secrets), ObjectStore, yield* memoryStore.make())
  for (const [i, entries] of snapshots.entries()) {
    yield* repository.backup(Stream.fromIterable(entries), {
      paths: ["/x"],
      hostname: "h",
      time: 1_600_000_000_000 + i * 1000,
      parent: "none",
    })
  }
  return repository
})

/** The changes between the first and the second snapshot, as `what path`, and the summary. */
const compared = Effect.fnUntraced(function* (repository: Repository, options: DiffOptions = {}) {
  const [before, after] = yield* repository.snapshots
  let summary: DifferenceSummary | undefined
  const changes = yield* Stream.runCollect(
    diff(repository, before!, after!, { ...options, summary: (given) => summary = given }),
  )
  return { changes, summary: summary!, lines: changes.map(({ path, what }) => `${what} ${path}`).sort() }
})

/** Gives entries without what shows their content, as a format of somebody else may do. */
const bare = (repository: Repository): Repository => ({
  format: repository.format,
  id: repository.id,
  backup: repository.backup,
  snapshots: repository.snapshots,
  check: repository.check,
  rebuild: repository.rebuild,
  entries: (snapshot, options = {}) =>
    Stream.map(
      repository.entries(snapshot, { ...options, chunks: false }),
      ({ contentId: _, ...entry }): SnapshotEntry => entry,
    ),
})

const BEFORE: MemoryTree = {
  "same": { content: "same", mtime: 1n },
  "edited": { content: "before", mtime: 1n },
  "stealthy": { content: noise(100_000, 1), mtime: 5n },
  "gone": { content: noise(50_000, 2), mtime: 1n },
  "now a directory": { content: "file", mtime: 1n },
  "was a directory/in it": { content: "x", mtime: 1n },
  "dir/kept": { content: "kept", mtime: 1n },
  "dir/lost/deep": { content: "kept", mtime: 1n },
}
const AFTER: MemoryTree = {
  "same": { content: "same", mtime: 1n },
  "edited": { content: "later on", mtime: 2_000_000_000n },
  "stealthy": { content: noise(100_000, 3), mtime: 5n },
  "now a directory/in it": { content: "x", mtime: 1n },
  "was a directory": { content: "file", mtime: 1n },
  "dir/kept": { content: "kept", mtime: 3_000_000_000n },
  "dir/new": { content: noise(70_000, 4), mtime: 1n },
}
const LINES = [
  "added dir/new",
  "added now a directory",
  "added now a directory/in it",
  "added was a directory",
  "content edited",
  "content stealthy",
  "removed dir/lost",
  "removed dir/lost/deep",
  "removed gone",
  "removed now a directory",
  "removed was a directory",
  "removed was a directory/in it",
]

const pathOf = (line: string): string => line.slice(line.indexOf(" ") + 1)

describe("diff", () => {
  for (const [name, format, secrets] of FORMATS) {
    it(`${name}: finds each kind of change, and what a summary counts`, () =>
      runFormat(Effect.gen(function* () {
        const repository = yield* withSnapshots(format, secrets, [walk(BEFORE), walk(AFTER)])
        const { changes, lines, summary } = yield* compared(repository)
        assert.deepEqual(lines, LINES)
        const of = (path: string): Change => changes.find((change) => change.path === path)!
        assert.equal(of("stealthy").silent, true)
        assert.equal(of("edited").silent, undefined)
        assert.equal(summary.changed, 2)
        assert.deepEqual(
          [summary.added.files, summary.added.directories, summary.removed.files, summary.removed.directories],
          [3, 1, 4, 2],
        )
        // Of "x", "file" and "kept" both have the content.
        const own = ["edited", "stealthy"]
        const bytes = (tree: MemoryTree, paths: ReadonlyArray<string>): number =>
          paths.reduce((sum, path) => sum + (tree[path] as { readonly content: string }).content.length, 0)
        assert.equal(summary.added.bytes, bytes(AFTER, [...own, "dir/new"]))
        assert.equal(summary.removed.bytes, bytes(BEFORE, [...own, "gone"]))
        assert.ok(summary.added.chunks >= 3 && summary.removed.chunks >= 3)
        const { lines: some } = yield* compared(repository, { include: (path) => path.startsWith("dir/") })
        assert.deepEqual(some, LINES.filter((line) => pathOf(line).startsWith("dir/")))
        const { changes: all } = yield* compared(repository, { metadata: true })
        const kept = all.find(({ path }) => path === "dir/kept")
        assert.deepEqual([kept?.what, kept?.facts], ["metadata", ["mtime"]])
      })))

    it(`${name}: finds the same without the help of the format`, () =>
      runFormat(Effect.gen(function* () {
        const repository = yield* withSnapshots(format, secrets, [walk(BEFORE), walk(AFTER)])
        assert.deepEqual((yield* compared(bare(repository))).lines, LINES)
      })))

    it(`${name}: gives entries in the order that it declares`, () =>
      runFormat(Effect.gen(function* () {
        const names = [
          "B/x/y",
          "B.x",
          "B/x.y",
          "a/b",
          "a-b/c",
          "a.b",
          "a0",
          "é/1",
          "z",
          "\uffee",
          "\u{1f600}",
          "b!",
          "b/q",
        ]
        const tree = Object.fromEntries(names.map((name) => [name, { content: name, mtime: 1n }]))
        const byName = walk(tree).toSorted(compareEntries("by-name"))
        const repository = yield* withSnapshots(format, secrets, [walk(tree), byName])
        if (repository.order === undefined) assert.equal(name, "snapshot-catalog")
        else {
          for (const snapshot of yield* repository.snapshots) {
            const entries = yield* Stream.runCollect(repository.entries(snapshot, { content: false }))
            assert.deepEqual(entries, entries.toSorted(compareEntries(repository.order)))
          }
        }
        assert.deepEqual((yield* compared(repository, { metadata: true })).lines, [])
      })))
  }

  it("fails rather than give wrong pairs when a format does not keep its order", () =>
    runFormat(Effect.gen(function* () {
      const [, format, secrets] = FORMATS[2]!
      const repository = yield* withSnapshots(format, secrets, [walk(BEFORE), walk(AFTER)])
      const error = yield* Effect.flip(compared({ ...repository, order: "files-first" }))
      assert.match(error.message, /lists "\w+" out of order/)
    })))

  it("agrees with a comparison of all paths, for any two trees", () =>
    fc.assert(
      fc.asyncProperty(anyTree, anyTree, fc.constantFrom(...FORMATS), (before, after, [, format, secrets]) =>
        runFormat(Effect.gen(function* () {
          const both = [walk(before), walk(after)] as const
          const { lines } = yield* compared(yield* withSnapshots(format, secrets, both))
          assert.deepEqual(lines, expected(...both))
        }))),
      { numRuns: 30 },
    ))
})

const names = fc.constantFrom("a", "b", "a-", "a.b", "é", "\u{1f600}")
const anyTree = fc.array(fc.tuple(fc.array(names, { minLength: 1, maxLength: 3 }), fc.constantFrom("1", "2"))).map(
  (files) => {
    const tree: Record<string, { content: string; mtime: bigint }> = {}
    for (const [parts, content] of files) {
      const path = parts.join("/")
      const clash = Object.keys(tree).some((other) => other.startsWith(`${path}/`) || path.startsWith(`${other}/`))
      if (!clash) tree[path] = { content, mtime: 1n }
    }
    return tree as MemoryTree
  },
)

/** The same, the slow way. */
const expected = (before: ReadonlyArray<Entry>, after: ReadonlyArray<Entry>): ReadonlyArray<string> => {
  const key = ({ kind, path }: Entry): string => `${kind === "directory" ? "d" : "f"}${path}`
  const [old, now] = [before, after].map((entries) => new Map(entries.map((entry) => [key(entry), entry])))
  return [
    ...before.filter((entry) => !now!.has(key(entry))).map(({ path }) => `removed ${path}`),
    ...after.filter((entry) => !old!.has(key(entry))).map(({ path }) => `added ${path}`),
    ...after.filter((entry) => {
      const other = old!.get(key(entry))
      return other !== undefined && textOf(other) !== textOf(entry)
    }).map(({ path }) => `content ${path}`),
  ].sort()
}

const textOf = ({ content }: Entry): string => String(content instanceof Uint8Array ? content : undefined)
