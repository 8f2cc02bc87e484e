/** The contract of {@link Target}, for any implementation. Written entries are read back through a source. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import { SourceError } from "../../stages/walk/errors.ts"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import type { Content, Entry } from "../../stages/walk/entry.ts"
import type { Source } from "../../stages/walk/source.ts"
import type { Target, TargetOptions, Written } from "../../stages/walk/target.ts"
import { readerOf } from "./reader.ts"
import { skipIf } from "../skip.ts"
import { readContent } from "./source.ts"

/** A target under test, with an empty root, and a source that reads what was written. */
export interface EmptyTarget {
  readonly target: Target
  readonly root: string
  readonly source: () => Source
}

/** Writes entries in one session. Gives the results of `write`, then those of `finish`. */
export const writeEntries = (
  target: Target,
  root: string,
  entries: ReadonlyArray<Entry>,
  options: TargetOptions = {},
): Effect.Effect<ReadonlyArray<Written>, unknown> =>
  Effect.scoped(Effect.gen(function* () {
    const session = yield* target.open(root, options)
    const results: Array<Written> = []
    for (let at = 0; at < entries.length; at += 7) results.push(...yield* session.write(entries.slice(at, at + 7)))
    assert.deepEqual(results.map(({ path }) => path), entries.map(({ path }) => path), "one result for each, in order")
    return [...results, ...yield* session.finish]
  }))

/** A file at a path. */
export const file = (path: string, content: Content | string, extra: Partial<Entry> = {}): Entry => {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  return {
    path,
    kind: "file",
    metadata: {},
    size: bytes instanceof Uint8Array ? bytes.length : undefined,
    content: bytes,
    ...extra,
  }
}

const directory = (path: string): Entry => ({ path, kind: "directory", metadata: {}, size: 0 })
const symlink = (path: string, target: string): Entry => ({ path, kind: "symlink", metadata: {}, size: 0, target })

/** Entries that try to write where they must not. The last one of each list must fail. */
export const hostile: ReadonlyArray<readonly [string, ReadonlyArray<Entry>]> = [
  ["an absolute path", [file("/outside/a", "x")]],
  ["a path with ..", [file("../outside/a", "x")]],
  ["a path with .. inside", [directory("d"), file("d/../../outside/a", "x")]],
  ["a path with .", [file("./a", "x")]],
  ["an empty component", [file("a//b", "x")]],
  ["a slash at the end", [file("a/", "x")]],
  ["a NUL byte", [file("a\0b", "x")]],
  ["a file as the root", [file("", "x")]],
  ["a symlink as the root", [symlink("", "../outside")]],
  ["a file beneath a symlink", [symlink("a", "../outside"), file("a/evil", "x")]],
  ["a file beneath a symlink beneath a symlink", [symlink("a", "."), symlink("b", "a"), file("b/evil", "x")]],
  ["a symlink beneath a symlink", [symlink("a", "../outside"), symlink("a/evil", "x")]],
  ["a directory beneath a symlink", [symlink("a", "../outside"), directory("a/evil")]],
  ["a fifo beneath a symlink", [symlink("a", "../outside"), { ...directory("a/evil"), kind: "fifo" }]],
  ["a directory that became a symlink", [directory("a"), symlink("a", "../outside"), file("a/evil", "x")]],
  ["a deeper directory that became a symlink", [
    directory("a"),
    directory("a/b"),
    symlink("a/b", "../../outside"),
    file("a/b/evil", "x"),
  ]],
  ["a file beneath a file", [file("a", "x"), file("a/b", "x")]],
  ["a symlink in the place of a full directory", [directory("a"), file("a/b", "x"), symlink("a", "../outside")]],
  ["a hard link to the outside", [file("a", "secret", { linkTo: "../outside/secret" })]],
  ["a hard link to an absolute path", [file("a", "secret", { linkTo: "/etc/passwd" })]],
  ["a link target with a NUL byte", [symlink("a", "b\0c")]],
  ["an empty link target", [symlink("a", "")]],
]

/** Tests a target against the port. `make` makes a target, which is removed when the scope closes. */
export const targetSuite = (
  name: string,
  make: Effect.Effect<EmptyTarget, never, Scope.Scope>,
  fidelity: Target["fidelity"],
): void => {
  const use = <A>(body: (at: EmptyTarget) => Effect.Effect<A, unknown, Scope.Scope>): Promise<A> =>
    Effect.runPromise(Effect.scoped(Effect.flatMap(make, body)))
  const entriesOf = (tree: MemoryTree) => Stream.runCollect(memorySource(tree).entries("", {}))
  const readBack = ({ source, root }: EmptyTarget) => Stream.runCollect(source().entries(root, {}))

  describe(`target: ${name}`, () => {
    it("writes the entries of a source, and finds them unchanged the second time", () =>
      use((at) =>
        Effect.gen(function* () {
          const link = { content: "linked", mode: 0o600, mtime: 77_000_000_000n }
          const twice = { symlink: "one", mtime: 1_500_000_000_000_000_000n } as const
          const pipe = { special: "fifo", mode: 0o600, mtime: 11n } as const
          const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
          const tree: MemoryTree = {
            "": { directory: true, mode: 0o755, mtime: 1_400_000_000_000_000_000n },
            "readme": { content: "text", mode: 0o4755, ...own, mtime: 1_600_000_000_123_456_789n },
            "empty file": { content: "", mode: 0o444, mtime: -1_500_000_000n },
            "big": { content: new Uint8Array(3_000_001).fill(3), mode: 0o644, mtime: 1_763_686_000_987_654_321n },
            "ro": { directory: true, mode: 0o555, mtime: 1_300_000_000_000_000_000n },
            "ro/x\ny": { content: "1", mode: 0o644, mtime: 5n },
            "ro/-rf": { directory: true, mode: 0o3777, mtime: 1_200_000_000_000_000_000n },
            "z/one": link,
            "z/two": link,
            "z/link one": twice,
            "z/link two": twice,
            ...(fidelity.kinds.includes("fifo") ? { "z/pipe one": pipe, "z/pipe two": pipe } : {}),
            "dangling": { symlink: "/no/such/é", mtime: 1_600_000_000_000_000_000n },
            "loop": { symlink: "loop", mtime: 1_600_000_000_000_000_000n },
            ...(fidelity.kinds.includes("fifo")
              ? { "fifo": { special: "fifo", mode: 0o640, mtime: 9n } as const }
              : {}),
            ...(fidelity.byteNames ? { "\udcff/\udcfe": { content: "bytes", mode: 0o644, mtime: 4n } } : {}),
          }
          const entries = yield* entriesOf(tree)
          const bad = (results: ReadonlyArray<Written>) => results.filter((r) => "message" in r)
          assert.deepEqual(bad(yield* writeEntries(at.target, at.root, entries)), [])
          for (const pass of ["first", "second"]) {
            const got = yield* readBack(at)
            assert.deepEqual(got.map(({ path, kind }) => [path, kind]), entries.map(({ path, kind }) => [path, kind]))
            for (const [i, want] of entries.entries()) {
              const have = got[i]!
              assert.equal(have.target, want.target, want.path)
              assert.equal(have.size, want.size, want.path)
              if (fidelity.hardlinks) assert.equal(have.linkTo, want.linkTo, want.path)
              if (want.content !== undefined) {
                const [a, b] = yield* Effect.promise(() =>
                  Promise.all([readContent(have.content!), readContent(want.content!)])
                )
                assert.ok(Buffer.compare(a, b) === 0, want.path)
              }
              if (fidelity.mode && want.metadata.mode !== undefined) {
                assert.equal(have.metadata.mode!.toString(8), want.metadata.mode.toString(8), want.path)
              }
              if (fidelity.mtime !== undefined && want.metadata.mtime !== undefined) {
                const off = have.metadata.mtime! - want.metadata.mtime
                assert.ok((off < 0n ? -off : off) < BigInt(fidelity.mtime), `${want.path}: ${off} ns off, ${pass}`)
              }
            }
            const again = yield* writeEntries(at.target, at.root, entries)
            assert.deepEqual(bad(again), [])
            const files = again.filter((_, i) => entries[i] !== undefined && entries[i].kind !== "directory")
            assert.deepEqual(files.filter(({ outcome }) => outcome !== "unchanged"), [], "unchanged")
          }
        })
      ))

    it("takes content in all forms, and replaces files that differ anywhere", () =>
      use((at) =>
        Effect.gen(function* () {
          const bytes = new Uint8Array(5_000_000).map((_, i) => (i * i) >> 5)
          const forms = (content: Uint8Array): Array<[string, Content]> => [
            ["bytes", content],
            [
              "stream",
              Stream.fromIterable([
                content.subarray(0, 1),
                content.subarray(1, 3_000_000),
                content.subarray(3_000_000),
              ]),
            ],
            ["reader", readerOf(() => ({ bytes: content }))],
          ]
          const check = (want: Uint8Array, outcome: Written["outcome"]) =>
            Effect.gen(function* () {
              const entries = forms(want).flatMap(([name, content]) => [
                file(name, content, { size: want.length }),
                file(`${name}-unknown`, content, { size: undefined }),
              ])
              const results = yield* writeEntries(at.target, at.root, entries)
              assert.deepEqual(results.map((r) => r.outcome), entries.map(() => outcome), JSON.stringify(results))
              for (const entry of yield* readBack(at)) {
                if (entry.content === undefined) continue
                const have = yield* Effect.promise(() => readContent(entry.content!))
                assert.ok(Buffer.compare(have, want) === 0, entry.path)
              }
            })
          yield* check(bytes, "written")
          yield* check(bytes, "unchanged")
          const changed = bytes.slice()
          changed[4_000_000]! ^= 1
          yield* check(changed, "written")
          yield* check(bytes.subarray(0, 4_999_999), "written")
          yield* check(bytes, "written")
          yield* check(new Uint8Array(0), "written")
        })
      ))

    for (const overwrite of ["always", "if-changed", "if-newer", "never"] as const) {
      it(`replaces what is there: ${overwrite}`, () =>
        use((at) =>
          Effect.gen(function* () {
            const then = 1_600_000_000_000_000_000n
            const [later, earlier] = [then + 3_600_000_000_000n, then - 3_600_000_000_000n]
            const dated = (entry: Entry, mtime: bigint): Entry => ({ ...entry, metadata: { mode: 0o755, mtime } })
            const before = [
              directory(""),
              ...["same", "newer", "older", "to directory"].map((path) => dated(file(path, "before"), then)),
              dated(symlink("link", "before"), then),
              dated(directory("to file"), then),
              dated(file("to file/in it", "before"), then),
            ]
            assert.ok((yield* writeEntries(at.target, at.root, before)).every(({ outcome }) =>
              outcome === "written" ||
              outcome === "unchanged"
            ))
            let read = 0
            const counted = (path: string): Entry =>
              file(
                path,
                Stream.suspend(() => {
                  read++
                  return Stream.make(new TextEncoder().encode("after!"))
                }),
                { size: 6 },
              )
            const after = [
              dated(counted("same"), then),
              dated(counted("newer"), later),
              dated(counted("older"), earlier),
              dated(symlink("link", "after"), later),
              dated(counted("new"), earlier),
              dated(counted("to file"), earlier),
              dated(directory("to directory"), later),
              dated(counted("to directory/in it"), earlier),
            ]
            const spared = yield* Effect.scoped(
              Effect.map(
                at.target.spares?.(at.root, { overwrite }) ?? Effect.succeed(() => false),
                (spares) => after.filter((entry) => entry.kind === "file" && spares(entry)).map(({ path }) => path),
              ),
            )
            const results = yield* writeEntries(at.target, at.root, after, { overwrite })
            const outcomes = Object.fromEntries(results.map(({ outcome, path }) => [path, outcome]))
            const [w, k, f] = ["written", "kept", "failed"] as const
            const paths = after.map(({ path }) => path)
            const want = {
              "always": [w, w, w, w, w, f, w, w],
              "if-changed": ["unchanged", w, w, w, w, f, w, w],
              "if-newer": [k, w, k, w, w, k, w, w],
              "never": [k, k, k, k, w, k, f, f],
            }[overwrite]
            assert.deepEqual(paths.map((path) => outcomes[path]), want)
            const have = new Map((yield* readBack(at)).map((entry) => [entry.path, entry]))
            for (const [i, path] of paths.entries()) {
              const { content, kind, target } = have.get(path) ?? {}
              if (kind === "symlink") assert.equal(target, want[i] === w ? "after" : "before", path)
              else if (kind === "file") {
                const text = Buffer.from(yield* Effect.promise(() => readContent(content!))).toString()
                assert.equal(text, want[i] === w ? "after!" : "before", path)
              }
            }
            assert.equal(have.has("to file/in it"), true, "a directory that is not empty is never replaced")
            // Nothing is read for what stays, and what is read was not said to be spared.
            assert.equal(read, want.filter((one, i) => one === w && after[i]!.kind === "file").length)
            const stay = paths.filter((_, i) => want[i] === k || want[i] === "unchanged")
            if (at.target.spares !== undefined) assert.deepEqual(spared, stay.filter((path) => path !== "link"))
          })
        ))
    }

    it("fails an entry whose content cannot be read or has another length, and goes on", () =>
      use((at) =>
        Effect.gen(function* () {
          const damaged = new SourceError({ reason: "damaged", path: "x", message: "A block is damaged" })
          const results = yield* writeEntries(at.target, at.root, [
            file("old", "old"),
            file("stream", Stream.concat(Stream.succeed(new Uint8Array(9)), Stream.fail(damaged)), { size: 20 }),
            file("reader", {
              open: () => {
                throw damaged
              },
            }, { size: 3 }),
            file("short", "abc", { size: 4 }),
            file("long", "abcde", { size: 4 }),
            file("old", "new?", { size: 7 }),
            file("good", "good"),
          ])
          assert.deepEqual(results.map(({ outcome }) => outcome), [
            "written",
            "failed",
            "failed",
            "failed",
            "failed",
            "failed",
            "written",
          ])
          assert.match(JSON.stringify(results[1]), /A block is damaged/)
          const got = yield* readBack(at)
          assert.deepEqual(got.map(({ path }) => path), ["", "good", "old"])
          const old = yield* Effect.promise(() => readContent(got[2]!.content!))
          assert.equal(Buffer.from(old).toString(), "old", "what was there stays")
        })
      ))

    it("skips entries that it cannot hold, with a message", () =>
      use((at) =>
        Effect.gen(function* () {
          const device: Entry = { path: "null", kind: "character", metadata: {}, size: 0, rdev: { major: 1, minor: 3 } }
          const results = yield* writeEntries(at.target, at.root, [
            device,
            { path: "u", kind: "unreadable", metadata: {}, size: 0, problem: "Permission denied" },
          ])
          assert.deepEqual(results.map(({ outcome }) => outcome), ["skipped", "skipped"])
          assert.deepEqual((yield* readBack(at)).map(({ path }) => path).filter((path) => path !== ""), [])
        })
      ))

    it("makes directories that no entry names", () =>
      use((at) =>
        Effect.gen(function* () {
          yield* writeEntries(at.target, at.root, [file("a/b/c", "1"), file("a/d", "2"), file("e/f", "3")])
          assert.deepEqual((yield* readBack(at)).map(({ path }) => path), ["", "a", "a/d", "a/b", "a/b/c", "e", "e/f"])
        })
      ))

    for (const [trick, entries] of hostile) {
      it(`refuses ${trick}`, () =>
        use((at) =>
          Effect.gen(function* () {
            const results = yield* writeEntries(at.target, at.root, [...entries, file("after", "fine")])
            assert.equal(results[entries.length - 1]!.outcome, "failed")
            assert.equal(results[entries.length]!.outcome, "written", "the next entry is written")
            for (const { path } of yield* readBack(at)) assert.ok(!path.includes("evil"), path)
          })
        ))
    }

    it(
      ...skipIf(!fidelity.sparse && "it does not know holes", "keeps what is between holes"),
      () =>
        use((at) =>
          Effect.gen(function* () {
            const content = new Uint8Array(300_001)
            content.fill(1, 5000, 5001)
            content.fill(2, 100_000, 120_000)
            const slices = [0, 4097, 99_999, 110_000, 300_001]
            const stream = Stream.fromIterable(slices.slice(1).map((to, i) => content.subarray(slices[i], to)))
            yield* writeEntries(at.target, at.root, [
              file("bytes", content, { sparse: true }),
              file("stream", stream, { sparse: true, size: content.length }),
            ])
            const got = yield* readBack(at)
            assert.deepEqual(got.slice(1).map(({ sparse }) => sparse), [true, true])
            for (const entry of got.slice(1)) {
              const have = yield* Effect.promise(() => readContent(entry.content!))
              assert.ok(Buffer.compare(have, content) === 0)
            }
          })
        ),
    )
  })
}
