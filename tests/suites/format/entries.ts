/** What a format keeps of entries. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { memoryTarget } from "../../../stages/walk/memory_target.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { isByteName } from "../../../stages/walk/path.ts"
import { Target } from "../../../stages/walk/target.ts"
import { write } from "../../../stages/walk/write.ts"
import { file, of, root } from "./contents.ts"
import { everything } from "./everything.ts"
import { type Facts, factsOf, sha256, within } from "./facts.ts"
import { noise } from "../noise.ts"
import { clean, made, options, type Trial, walk } from "./trial.ts"

/** What a format keeps of entries. */
export const testEntries = ({ fidelity, inRepository, roundTrip, traits }: Trial): void => {
  it("keeps times of any year, or counts the times that it changed", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n]
        const tree = Object.fromEntries(
          [least - 1_000_000_000n, least, -1n, 0n, most, most + 1n, 8_640_000_000_001n * 1_000_000_000n].map((
            mtime,
            i,
          ) => [`f${i}`, { content: `text ${i}`, mtime }]),
        )
        const summary = yield* roundTrip(repository, tree)
        const out = Object.values(tree).filter(({ mtime }) => within(fidelity, mtime) !== mtime).length
        const lost = summary.losses?.filter(({ what }) => /^mtimes (before|after)/.test(what)) ?? []
        assert.equal(lost.reduce((sum, { entries }) => sum + entries, 0), fidelity.mtime === undefined ? 0 : out)
      })
    ))

  it("counts what the source could not read of entries", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const entry: Entry = { ...file("a", new Uint8Array(1), 1), lost: "colours" }
        const { losses = [] } = yield* repository.backup(of(root, entry), options)
        assert.deepEqual(losses.filter(({ what }) => what === "colours"), [{
          what: "colours",
          entries: 1,
          example: "a",
        }])
      })
    ))

  it("keeps long paths, or names the ones that it left out", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const deep = (levels: number): ReadonlyArray<Entry> => [
          ...Array.from({ length: levels }, (_, i): Entry => ({
            path: Array(i + 1).fill(`${levels}`.padEnd(250, "d")).join("/"),
            kind: "directory",
            metadata: {},
            size: 0,
          })),
          file(`${Array(levels).fill(`${levels}`.padEnd(250, "d")).join("/")}/leaf`, new Uint8Array(9), 9),
        ]
        const entries = [root, file("short", new Uint8Array(5), 5), ...deep(20), ...deep(270)]
        const summary = yield* repository.backup(of(...entries), options)
        const restored = yield* factsOf(repository.entries(made(summary)))
        const named = new Set(summary.problems.map(({ path }) => path))
        for (const { kind, path } of entries) {
          if (kind === "directory" && traits.directories !== true) continue
          assert.ok(restored.has(path) !== named.has(path), `${path.length} characters`)
        }
        assert.ok(restored.has("short"))
        // Nothing has paths like the longest.
        assert.ok(named.has(entries.at(-1)!.path))
        yield* clean(repository)
      })
    ))

  it("keeps a tree with every kind of entry", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const tree = everything()
        const summary = yield* roundTrip(repository, tree)
        const given = yield* factsOf(walk(tree))
        const held = ([path, { kind }]: [string, Facts]) =>
          fidelity.kinds.includes(kind as never) && (fidelity.byteNames || !isByteName(path))
        const facts = [...given].filter(held).map(([, fact]) => fact)
        assert.deepEqual(
          summary.problems.map(({ path }) => path).sort(),
          [...given].filter((one) => !held(one)).map(([path]) => path).sort(),
          "each entry that cannot be kept is named, and no other",
        )
        const lost = summary.losses ?? []
        assert.equal(lost.some(({ what }) => what === "owners"), !fidelity.owner)
        assert.equal(lost.some(({ what }) => what === "permissions"), fidelity.mode !== true)
        assert.equal(lost.some(({ what }) => what.includes("mtimes")), fidelity.mtime !== 1)
        assert.equal(lost.some(({ what }) => what.startsWith("hard links")), !fidelity.hardlinks)
        assert.equal(lost.some(({ what }) => what.startsWith("holes")), !fidelity.sparse)
        assert.equal(summary.files, facts.filter(({ kind }) => kind === "file").length)
        assert.equal(summary.bytes, facts.reduce((sum, { size }) => sum + size, 0))
        assert.equal(summary.filesUnchanged, 0)
        assert.ok(summary.bytesStored > 300_000)
        yield* clean(repository)
        const target = memoryTarget()
        const written = yield* repository.entries(made(summary)).pipe(
          write("", { devices: true }),
          Effect.provideService(Target, target),
        )
        assert.deepEqual(written.problems, [])
        assert.equal(written.bytes, summary.bytes)
      })
    ))

  it("gives the entries that are wanted, and a hard link with its content", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk(everything()), options)
        const only = (path: string) =>
          factsOf(repository.entries(made(summary), { include: (candidate) => candidate === path }))
        const whole = yield* factsOf(walk(everything()))
        const large = yield* only("large")
        assert.deepEqual([...large.keys()], ["large"])
        assert.equal(large.get("large")!.content, whole.get("large")!.content)
        const link = (yield* only("dir/sub/b")).get("dir/sub/b")!
        assert.equal(link.linkTo, undefined)
        assert.equal(link.content, whole.get("dir/sub/b")!.content)
        assert.equal((yield* only("none")).size, 0)
      })
    ))

  it("keeps an empty tree", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk({}), options)
        assert.deepEqual([summary.files, summary.bytes, summary.directories], [0, 0, 1])
        const none = yield* repository.backup(of(), options)
        assert.deepEqual([none.files, none.bytes, none.directories], [0, 0, 0])
        assert.equal((yield* factsOf(repository.entries(made(none)))).size, 0)
        yield* clean(repository)
      })
    ))

  it("keeps files of several units, and content of unknown size", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const part = noise(1 << 20, 4)
        const parts = Array.from({ length: 30 }, (_, i) => {
          const bytes = part.slice()
          bytes.set(noise(1 << 12, i), i << 12)
          return bytes
        })
        const streamed = Stream.fromIterable(parts)
        const whole = new Uint8Array(30 << 20)
        for (const [i, bytes] of parts.entries()) whole.set(bytes, i << 20)
        const summary = yield* repository.backup(
          of(
            root,
            file("bytes", whole, whole.length),
            file("empty stream", Stream.empty, undefined),
            file("small", new Uint8Array([1, 2, 3]), 3),
            file("stream", streamed, undefined),
          ),
          options,
        )
        assert.equal(summary.bytes, 60 * (1 << 20) + 3)
        const facts = yield* factsOf(repository.entries(made(summary)))
        const digest = sha256(parts)
        assert.deepEqual(
          [...facts].filter(([, { kind }]) => kind === "file").map((
            [path, { content, size }],
          ) => [path, content, size]),
          [
            ["bytes", digest, 30 << 20],
            ["empty stream", sha256([]), 0],
            ["small", sha256([new Uint8Array([1, 2, 3])]), 3],
            ["stream", digest, 30 << 20],
          ],
        )
        assert.ok(summary.bytesAdded <= 31 << 20, "equal content is stored once")
      })
    ))
}
