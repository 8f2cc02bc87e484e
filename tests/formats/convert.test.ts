import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import fc from "fast-check"
import type { Fidelity } from "../../stages/walk/fidelity.ts"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { convert, type Converted } from "../../formats/convert.ts"
import { counterparts } from "../../formats/counterparts.ts"
import type { Format } from "../../formats/format.ts"
import type { Repository, SnapshotInfo } from "../../formats/repository.ts"
import { RepositoryError } from "../../formats/error.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { makeFogsync } from "../../formats/fogsync/mod.ts"
import { makeZprt } from "../../formats/zprt/mod.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import { makeRozenV0 } from "../../formats/rozen/v0/mod.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { isByteName } from "../../stages/walk/path.ts"
import { everything } from "../suites/format/everything.ts"
import { type Facts, factsOf, kept, sorted } from "../suites/format/facts.ts"
import type { FormatTraits } from "../suites/format/traits.ts"
import { noise } from "../suites/noise.ts"
import { runFormat } from "../suites/format/environment.ts"
import { skipIf } from "../skip.ts"
import { smallTree } from "../suites/format/small_tree.ts"

interface Side extends Pick<FormatTraits, "directories" | "details" | "snapshots"> {
  readonly format: Format
  readonly secrets: Secrets
}

const cheap = { scrypt: { n: 1024, r: 8, p: 1 } }
const password: Secrets = { password: Redacted.make("correct horse") }
const all = { directories: true, details: true, snapshots: true } as const

const sides: Readonly<Record<string, Side>> = {
  "rozen": { format: makeRozen(cheap), secrets: password, ...all },
  "zprt": {
    format: makeZprt({ scryptLogN: 10 }),
    secrets: password,
    directories: "only empty directories are listed",
    details: "nothing is kept but the files",
    snapshots: "an archive is one snapshot",
  },
  "bkp": { format: makeBkp({ iterations: 10 }), secrets: password, ...all, details: "time and host name alone" },
  "snapshot-catalog": { format: makeSnapshotCatalog(), secrets: {}, ...all },
  "fogsync": { format: makeFogsync(), secrets: { key: Redacted.make(noise(32, 1)) }, ...all },
  "rozen-v0": { format: makeRozenV0(cheap), secrets: password, ...all },
}

/** A new repository in memory. */
const make = ({ format, secrets }: Side) =>
  Effect.gen(function* () {
    const store = yield* memoryStore.make()
    return yield* Effect.provideService(format.create(secrets), ObjectStore, store)
  })

/** What two formats keep, one after the other. */
const smaller = (a: Fidelity, b: Fidelity): Fidelity => {
  const from = [a.mtimeFrom, b.mtimeFrom].filter((time) => time !== undefined).sort((x, y) => Number(y - x))[0]
  return {
    kinds: a.kinds.filter((kind) => b.kinds.includes(kind)),
    mode: a.mode === false || b.mode === false ? false : a.mode === true ? b.mode : a.mode,
    owner: a.owner && b.owner,
    mtime: a.mtime === undefined || b.mtime === undefined ? undefined : Math.max(a.mtime, b.mtime),
    ...(from === undefined ? {} : { mtimeFrom: from }),
    hardlinks: a.hardlinks && b.hardlinks,
    sparse: a.sparse && b.sparse,
    byteNames: a.byteNames && b.byteNames,
  }
}

/** Those that are there at all: what a directory holds beside them does not make it one that is not empty. */
const held = (facts: ReadonlyMap<string, Facts>, { byteNames, kinds }: Fidelity): ReadonlyMap<string, Facts> =>
  new Map([...facts].filter(([path, { kind }]) => (byteNames || !isByteName(path)) && kinds.includes(kind as never)))

const walk = (tree: MemoryTree) => memorySource(tree).entries("", {})
const converted = (one: Converted | undefined): SnapshotInfo =>
  one?.outcome === "converted" ? one.target : assert.fail(`The snapshot was not converted: ${one?.outcome}`)

/** Backs up, converts there and back, compares; gives the three snapshots. */
const roundTrip = (a: Side, b: Side, tree: MemoryTree) =>
  Effect.gen(function* () {
    const [first, second, third] = [yield* make(a), yield* make(b), yield* make(a)]
    const options = {
      paths: ["/home/me", "/srv"],
      hostname: "host",
      username: "me",
      tags: ["x"],
      time: 1_700_000_000_000,
    }
    const { snapshot } = yield* first.backup(walk(tree), options)
    const there = converted((yield* Stream.runCollect(convert(first, second)))[0])
    const back = converted((yield* Stream.runCollect(convert(second, third)))[0])
    const fidelity = smaller(a.format.fidelity, b.format.fidelity)
    const traits = { directories: a.directories === true ? b.directories : a.directories }
    assert.deepEqual(
      sorted(kept(yield* factsOf(third.entries(back)), fidelity, traits)),
      sorted(kept(held(yield* factsOf(walk(tree)), fidelity), fidelity, traits)),
    )
    return { snapshot: snapshot!, there, back }
  })

const details = ({ hostname, paths, tags, time, username }: SnapshotInfo) => ({
  ...{ hostname, paths, tags, time, username },
})

for (const [nameA, a] of Object.entries(sides)) {
  for (const [nameB, b] of Object.entries(sides)) {
    // The older version of rozen is not one of the five: its pair with the newer one is enough.
    const older = [nameA, nameB].includes("rozen-v0") && ![nameA, nameB].includes("rozen")
    if (nameA === nameB || older) continue
    describe(`convert: ${nameA} to ${nameB} and back`, () => {
      it("keeps every kind of entry, and the record of the snapshot", () =>
        runFormat(Effect.gen(function* () {
          const { back, snapshot, there } = yield* roundTrip(a, b, everything())
          if (a.details === true && b.details === true) {
            assert.deepEqual(details(there), details(snapshot))
            assert.deepEqual(details(back), details(snapshot))
          }
        })))

      const small = smallTree.filter((tree) =>
        // An archive that holds nothing is none.
        (a.snapshots === true && b.snapshots === true) ||
        Object.entries(tree).some(([path, node]) => "content" in node && !isByteName(path))
      )
      it("keeps everything that both formats can keep", () =>
        fc.assert(fc.asyncProperty(small, (tree) => runFormat(Effect.asVoid(roundTrip(a, b, tree)))), {
          numRuns: 3,
          endOnFailure: true,
        }))
    })
  }
}

describe("convert", () => {
  const [a, b] = [sides["rozen"]!, sides["rozen-v0"]!]
  const times = [1_700_000_000_000, 1_700_000_001_500, 1_700_000_003_000]
  const trees = times.map((_, i): MemoryTree => ({
    file: { content: `version ${"abc".slice(i)}`, mtime: 5n },
    same: { content: "x" },
  }))
  const fill = (repository: Repository) =>
    Effect.forEach(
      trees,
      (tree, i) =>
        repository.backup(walk(tree), { paths: ["/home"], hostname: "host", time: times[i]!, parent: "none" }),
    )

  for (const [name, b] of Object.entries(sides)) {
    it(
      ...skipIf(
        b.snapshots !== true && b.snapshots,
        `skips snapshots that the target has, also after a conversion of some of them: ${name}`,
      ),
      () =>
        runFormat(Effect.gen(function* () {
          const [from, to] = [yield* make(a), yield* make(b)]
          yield* fill(from)
          const [, second] = yield* from.snapshots
          const part = yield* Stream.runCollect(convert(from, to, { snapshots: [second!] }))
          assert.deepEqual(part.map(({ outcome }) => outcome), ["converted"])
          const rest = yield* Stream.runCollect(convert(from, to))
          assert.deepEqual(rest.map(({ outcome }) => outcome), ["converted", "there", "converted"])
          const again = yield* Stream.runCollect(convert(from, to))
          assert.deepEqual(again.map(({ outcome }) => outcome), ["there", "there", "there"])
          const listed = yield* to.snapshots
          assert.equal(listed.length, 3)
          // Files that look the same are read again all the same.
          for (const { source, target } of again as ReadonlyArray<Extract<Converted, { outcome: "there" }>>) {
            const facts = yield* factsOf(to.entries(target))
            const tree = trees[times.indexOf(source.time)]!
            assert.equal(facts.get("file")!.content, (yield* factsOf(walk(tree))).get("file")!.content)
          }
        })),
    )
  }

  it("leaves no half-made snapshot when it is interrupted", () =>
    runFormat(Effect.gen(function* () {
      const [from, to] = [yield* make(a), yield* make(a)]
      const tree: MemoryTree = { large: { content: crypto.getRandomValues(new Uint8Array(60_000)) } }
      yield* from.backup(walk(tree), { paths: ["/home"], time: times[0]! })
      const broken: Repository = {
        ...from,
        entries: (snapshot, options) =>
          Stream.concat(from.entries(snapshot, options), Stream.fromEffect(Effect.interrupt)),
      }
      const exit = yield* Effect.exit(Stream.runCollect(convert(broken, to)))
      assert.equal(exit._tag, "Failure")
      assert.deepEqual(yield* to.snapshots, [])
      const [done] = yield* Stream.runCollect(convert(from, to))
      assert.equal(done?.outcome, "converted")
    })))

  it("names damaged files, converts the others, and skips a snapshot that is lost", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const from = yield* Effect.provideService(b.format.create(b.secrets), ObjectStore, store)
      yield* from.backup(walk({ bad: { content: "bad" }, good: { content: "good" } }), {
        paths: ["/"],
        time: times[0]!,
      })
      yield* from.backup(walk({ late: { content: "late" } }), { paths: ["/"], time: times[1]! })
      const objects = yield* Stream.runCollect(store.list("DATA/"))
      const size = Math.min(...objects.filter(({ name }) => name.endsWith(".roz")).map(({ size }) => size))
      for (const { name } of objects.filter((one) => one.name.endsWith(".roz") && one.size === size)) {
        yield* store.remove(name)
      }
      const to = yield* make(a)
      const [first] = yield* Stream.runCollect(convert(from, to))
      assert.ok(first?.outcome === "converted")
      assert.deepEqual(first.summary.problems.map(({ path }) => path), ["bad"])
      assert.ok((yield* factsOf(to.entries(first.target))).has("good"))

      const error = new RepositoryError({ reason: "corrupt", message: "The catalog is lost" })
      const torn: Repository = {
        ...from,
        entries: (snapshot, options) =>
          snapshot.time === times[0] ? Stream.fail(error) : from.entries(snapshot, options),
      }
      const results = yield* Stream.runCollect(convert(torn, yield* make(a)))
      assert.deepEqual(results.map(({ outcome }) => outcome), ["lost", "converted"])
    })))

  it("recognises its snapshots by the members that the target keeps", () => {
    const info = (id: string, time: number, more: Partial<SnapshotInfo> = {}): SnapshotInfo => ({
      ...{
        id,
        time,
        hostname: "h",
        username: "",
        paths: ["/a"],
        tags: [],
        files: 0,
        directories: 0,
        bytes: 0,
        ...more,
      },
    })
    const bare = { hostname: "", paths: [] }
    const sources = [info("1", 1000), info("2", 1500), info("3", 2000, { hostname: "other" })]
    const pairs = (targets: ReadonlyArray<SnapshotInfo>) =>
      [...counterparts(sources, targets)].map(([id, target]) => `${id}=${target.id}`)
    assert.deepEqual(pairs([info("x", 1000), info("y", 1500)]), ["1=x", "2=y"])
    assert.deepEqual(pairs([info("x", 1000, bare)]), ["1=x"])
    assert.deepEqual(pairs([info("x", 1000, bare), info("y", 1000, bare)]), ["1=x", "2=y"])
    assert.deepEqual(pairs([info("x", 1000, { ...bare, bytes: 1 })]), [])
    assert.deepEqual(pairs([info("x", 0, bare)]), [])
    assert.deepEqual(pairs([info("x", 2000), info("y", 2000, bare)]), ["3=y"])
    assert.deepEqual(pairs([info("x", 1000, { paths: ["/b"] }), info("y", 999)]), [])
  })
})
