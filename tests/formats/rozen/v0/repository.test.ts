/** Whole repositories of version 0: their objects, damage, rebuilds, and files that change. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import type { MemoryTree } from "../../../../stages/walk/memory_tree.ts"
import type { Repository } from "../../../../formats/repository.ts"
import { makeRozen } from "../../../../formats/rozen/mod.ts"
import { makeRozenV0 } from "../../../../formats/rozen/v0/mod.ts"
import { ObjectStore } from "../../../../stages/store/store.ts"
import type { Content, Entry, ReaderContent } from "../../../../stages/walk/entry.ts"
import { factsOf } from "../../../suites/format/facts.ts"
import { readerOf } from "../../../suites/reader.ts"
import { noise } from "../../../suites/noise.ts"
import { alter, inRepository, names, options, scrypt, secrets, variants, walk } from "./harness.ts"

const root: Entry = { path: "", kind: "directory", metadata: {}, size: 0 }
const file = (path: string, content: Content, size: number | undefined): Entry => ({
  path,
  kind: "file",
  metadata: { mode: 0o640 },
  size,
  content,
})
const tree = (n: number): MemoryTree => ({
  "a": { content: noise(5000, 1), mode: 0o600, mtime: 1n },
  "dir/copy of a": { content: noise(5000, 1), mode: 0o644, mtime: 2n },
  "dir/changes": { content: noise(700_000 + n, n), mode: 0o644, mtime: 3n },
  "dir/link": { symlink: "../a" },
  "empty": { content: "" },
})

const flip = (at: number) => (bytes: Uint8Array): Uint8Array => {
  const copy = bytes.slice()
  copy.at(at) === undefined ? assert.fail("no such byte") : copy[at < 0 ? copy.length + at : at]! ^= 1
  return copy
}
const findings = (repository: Repository, readData: number) =>
  Effect.map(repository.check({ readData }), (summary) => summary.findings)
const only = (all: ReadonlyArray<string>, ending: string): Array<string> => all.filter((name) => name.endsWith(ending))

/** What both snapshots of the tree hold. */
const held = (repository: Repository) =>
  Effect.gen(function* () {
    const listed = yield* repository.snapshots
    return yield* Effect.forEach(listed, (snapshot) => factsOf(repository.entries(snapshot)))
  })
const backUpTwice = (repository: Repository) =>
  Effect.forEach([1, 2], (n) => repository.backup(walk(tree(n)), { ...options, time: n }))

describe("rozen v0 repositories", () => {
  it("have the objects that the document says, and each content once", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const [first, second] = yield* backUpTwice(repository)
        const all = yield* names(store)
        assert.equal(only(all, ".roz").length, 4)
        for (const name of only(all, ".roz")) assert.match(name, /^DATA\/([0-9a-f]{2})\/\1[0-9a-f]{62}\.roz$/)
        assert.deepEqual(only(all, ".idx"), ["INDEX/00.idx", "INDEX/01.idx"])
        for (const name of only(all, ".roz-log")) assert.match(name, /^DATA\/[0-9a-f]{2}\.roz-log\/\d{4}\.roz-log$/)
        assert.equal(only(all, ".roz-log").length, 2)
        assert.deepEqual([first!.chunksNew, second!.chunksNew, second!.bytesAdded], [3, 1, 700_002])
        const config = new TextDecoder().decode(yield* store.get("ROZEN.json", { atMost: Infinity }))
        assert.ok(config.startsWith('{"Version":0,'))
        const start = (name: string) =>
          Effect.map(store.get(name, { atMost: Infinity }), (bytes) => [...bytes.subarray(0, 9)])
        const magic = (text: string) => [...new TextEncoder().encode(text), 0]
        assert.deepEqual(yield* start(only(all, ".roz")[0]!), magic("ROZE-DAT"))
        assert.deepEqual(yield* start("INDEX/00.idx"), magic("ROZE-IDX"))
        assert.deepEqual(yield* start(only(all, ".roz-log")[0]!), magic("ROZE-LOG"))
        let stored = 0
        for (const name of all) if (/roz|idx/.test(name)) stored += (yield* store.stat(name)).size
        assert.equal(first!.bytesStored + second!.bytesStored, stored)
      })
    ))

  it("count indexes on after 99, whatever number the writer was given", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk({}), options)
        for (const name of ["INDEX/99.idx", "INDEX/07.idx"]) yield* store.put(name, [new Uint8Array(3)])
        yield* repository.backup(walk({}), options)
        assert.deepEqual(only(yield* names(store), ".idx"), [
          "INDEX/00.idx",
          "INDEX/07.idx",
          "INDEX/100.idx",
          "INDEX/99.idx",
        ])
      })
    ))

  it("are opened as rozen, with and without ROZEN.json", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* backUpTwice(repository)
        const rozen = makeRozen({ scrypt })
        for (const _ of [1, 2]) {
          const opened = yield* rozen.open(secrets)
          assert.equal(opened.format, "rozen-v0")
          assert.equal((yield* opened.snapshots).length, 2)
          yield* store.remove("ROZEN.json")
        }
        const lost = yield* rozen.open(secrets)
        assert.match((yield* findings(lost, 0))[0]!.message, /ROZEN.json is missing/)
        yield* lost.rebuild
        assert.deepEqual(yield* findings(lost, 100), [])
        // A version 0 that is passed off as a version 1 is noticed, and the other way round.
        yield* alter(store, "ROZEN.json", (bytes) => {
          const text = new TextDecoder().decode(bytes).replace('"Version":0', '"Version":1')
          return new TextEncoder().encode(text)
        })
        assert.match((yield* Effect.flip(rozen.open(secrets))).message, /^ROZEN.json was altered/)
        const version0 = yield* Effect.flip(makeRozenV0().open(secrets))
        assert.ok("reason" in version0 && version0.reason === "foreign")
      })
    ))

  for (const write of variants) {
    const title = `${write.encryption}, ${write.compression}`
    it(`name the damaged object, and the files that are lost with it (${title})`, () =>
      inRepository((repository, store) =>
        Effect.gen(function* () {
          yield* backUpTwice(repository)
          const [, second] = yield* held(repository)
          const all = yield* names(store)
          const sizes = yield* Effect.forEach(only(all, ".roz"), (name) => store.stat(name))
          const small = sizes.find(({ size }) => size > 5000 && size < 10_000)!.name
          const original = yield* store.get(small, { atMost: Infinity })
          const damages: ReadonlyArray<readonly [string, (bytes: Uint8Array) => Uint8Array, number]> = [
            ["metadata", flip(120), 0],
            ["content", flip(-100), 100],
            ["truncation", (bytes) => bytes.subarray(0, bytes.length - 10), 100],
            ["truncated header", (bytes) => bytes.subarray(0, 20), 0],
          ]
          for (const [what, change, readData] of damages) {
            yield* alter(store, small, change)
            const found = yield* findings(repository, readData)
            assert.deepEqual(found.map(({ object }) => object), [small], what)
            assert.deepEqual(found[0]!.files.map(({ path }) => path), ["a", "dir/copy of a", "a", "dir/copy of a"])
            const after = (yield* held(repository))[1]!
            assert.ok(after.get("a")!.damage?.includes(small), what)
            assert.deepEqual(after.get("dir/changes"), second!.get("dir/changes"))
            yield* alter(store, small, () => original)
          }
          yield* store.remove(small)
          assert.match((yield* findings(repository, 0))[0]!.message, /is missing$/)
          // The next backup stores what is missing again, unchanged or not.
          yield* repository.backup(walk(tree(2)), options)
          assert.deepEqual(yield* findings(repository, 100), [])
        }), write))

    it(`are rebuilt with every path when INDEX is lost, damaged or incomplete (${title})`, () =>
      inRepository((repository, store) =>
        Effect.gen(function* () {
          yield* backUpTwice(repository)
          const before = yield* held(repository)
          const listed = yield* repository.snapshots
          const again = function* (rebuilt: number) {
            const summary = yield* repository.rebuild
            assert.deepEqual(summary.findings, [])
            assert.equal(summary.snapshots.length, rebuilt)
            assert.deepEqual(yield* repository.snapshots, listed)
            assert.deepEqual(yield* held(repository), before)
            assert.deepEqual(yield* findings(repository, 100), [])
          }
          for (const name of only(yield* names(store), ".idx")) yield* store.remove(name)
          yield* again(2)
          yield* alter(store, "INDEX/01.idx", flip(-3))
          assert.equal((yield* findings(repository, 0)).length, 1)
          yield* again(1)
          const [log] = only(yield* names(store), ".roz-log")
          yield* store.remove(log!)
          assert.match((yield* findings(repository, 0))[0]!.message, /log of/)
          yield* again(1)
          yield* again(0)
        }), write))
  }

  it("are rebuilt with the paths where contents were first found when the logs are lost, too", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* backUpTwice(repository)
        const before = yield* held(repository)
        for (const name of yield* names(store)) if (/idx$|roz-log$/.test(name)) yield* store.remove(name)
        const summary = yield* repository.rebuild
        assert.deepEqual(summary.snapshots.map(({ tags }) => tags), [["recovered"]])
        const [after] = yield* held(repository)
        const digests = new Set([...after!.values()].map(({ content }) => content))
        for (const facts of before) for (const { content } of facts.values()) assert.ok(digests.has(content))
        const mode = [...after!].find(([path]) => path === "a" || path === "dir/copy of a")
        assert.ok(mode?.[1].metadata.mode !== undefined)
        assert.deepEqual(yield* findings(repository, 100), [])
      })
    ))

  it("keep an index object of a later version when rebuilding", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* backUpTwice(repository)
        yield* alter(store, "INDEX/00.idx", (bytes) => {
          const copy = bytes.slice()
          copy[8] = 9
          return copy
        })
        const { findings } = yield* repository.rebuild
        assert.match(findings[0]!.message, /block version 9/)
        assert.ok((yield* names(store)).includes("INDEX/00.idx"))
      })
    ))

  it("never store content under a wrong name when it changes between the passes", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        let opened = 0
        const versions = (first: number): ReaderContent =>
          readerOf(() => ({ bytes: noise(2_000_000, Math.min(first + opened++, 3)) }))
        // Settles after two states: hash 2, store 3, then hash 3 and store 3.
        const settles = yield* repository.backup(
          Stream.fromIterable([root, file("f", versions(2), 2_000_000)]),
          options,
        )
        assert.deepEqual([settles.problems, settles.files, opened], [[], 1, 4])
        assert.equal(only(yield* names(store), ".roz").length, 1)
        opened = 0
        let states = 10
        const never = Stream.suspend(() => Stream.succeed(noise(2_000_000, states++)))
        const summary = yield* repository.backup(
          Stream.fromIterable([root, file("a", new Uint8Array(3), 3), file("g", never, undefined)]),
          options,
        )
        assert.deepEqual(summary.problems.map(({ path }) => path), ["g"])
        assert.match(summary.problems[0]!.message, /changed between hashing and storing, twice/)
        assert.equal(states, 14)
        assert.deepEqual([...(yield* factsOf(repository.entries(summary.snapshot!))).keys()], ["", "a"])
        assert.equal(only(yield* names(store), ".roz").length, 2)
        assert.deepEqual(yield* findings(repository, 100), [])
      })
    ))

  it("never hold more than a few MiB of a content in memory", () =>
    inRepository((_repository, store) =>
      Effect.gen(function* () {
        // The largest single write, and the largest single read.
        let largest = 0
        const seen = (length: number) => largest = Math.max(largest, length)
        const watching: ObjectStore = {
          ...store,
          create: (name) =>
            Effect.map(store.create(name), (writer) => ({
              ...writer,
              append: (bytes) => (seen(bytes.length), writer.append(bytes)),
            })),
          get: (name, range) => Effect.tap(store.get(name, range), (bytes) => Effect.sync(() => seen(bytes.length))),
        }
        const repository = yield* Effect.provideService(
          makeRozenV0({ scrypt }).open(secrets),
          ObjectStore,
          watching,
        )
        const part = noise(1 << 20, 5)
        const content = Stream.map(Stream.range(1, 20), (n) => {
          const bytes = part.slice()
          bytes[n] = n
          return bytes
        })
        const summary = yield* repository.backup(Stream.fromIterable([root, file("f", content, undefined)]), options)
        assert.equal(summary.bytes, 20 << 20)
        const facts = yield* factsOf(repository.entries(summary.snapshot!))
        assert.equal(facts.get("f")!.size, 20 << 20)
        assert.equal(facts.get("f")!.damage, undefined)
        assert.ok(largest <= 5 << 20, `${largest}`)
      })
    ))

  it("refuse a plain object in the place of an encrypted one", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk({ "a": { content: "text" } }), options)
        const [name] = only(yield* names(store), ".roz")
        // Method 0 with all lengths right, made without the key.
        yield* alter(store, name!, () => {
          const text = new TextEncoder().encode("ROZE-DAT")
          return new Uint8Array([...text, 0, 0, 64, 0, ...new Uint8Array(64), 0, 0, 0, ...new Uint8Array(8), 1, 2])
        })
        assert.match((yield* findings(repository, 0))[0]!.message, /header or metadata is not as it was written/)
      })
    ))
})
