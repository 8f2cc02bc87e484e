/**
 * Copies between repositories of one format: chunks that the target has are not read, and nothing damaged is copied,
 * whatever else happens at the same time.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, type Scope, Stream } from "effect"
import fc from "fast-check"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { counting } from "../../adapters/store/counting/counting.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { convert } from "../../formats/convert.ts"
import { type Copied, copy } from "../../formats/copy.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { makeFogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import type { Repository, SnapshotInfo } from "../../formats/repository.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { everything } from "../suites/format/everything.ts"
import { type Facts, factsOf } from "../suites/format/facts.ts"
import { noise } from "../suites/noise.ts"
import { runFormat } from "../suites/format/environment.ts"
import { smallTree } from "../suites/format/small_tree.ts"
import { small } from "./rozen/harness.ts"

const secret = (password: string): Secrets => ({ password: Redacted.make(password) })
const walk = (tree: MemoryTree) => memorySource(tree).entries("", {})
const paths = ["/home/me"]

/** A repository over a store that counts. `like`: with the key of that one. */
const make = (like?: Repository) =>
  Effect.gen(function* () {
    const store = counting(yield* memoryStore.make())
    const repository = yield* Effect.provideService(small.create(secret("a"), like), ObjectStore, store)
    return { store, repository, open: Effect.provideService(small.open(secret("a")), ObjectStore, store) }
  })

/** Copies all, and fails when something was left out. */
const copyAll = (from: Repository, to: Repository) =>
  Effect.map(Stream.runCollect(copy(from, to)), (all) => {
    for (const one of all) {
      if (one.outcome === "copied") assert.deepEqual(one.summary.problems, [])
      assert.notEqual(one.outcome, "lost")
    }
    return all
  })
const outcomes = (all: ReadonlyArray<Copied>) => all.map(({ outcome }) => outcome)

const contents = (repository: Repository) =>
  Effect.flatMap(
    repository.snapshots,
    (snapshots) => Effect.forEach(snapshots, (snapshot) => factsOf(repository.entries(snapshot))),
  )
const clean = (repository: Repository) =>
  Effect.map(repository.check({ readData: 100 }), ({ findings }) => assert.deepEqual(findings, []))
const details = ({ hostname, paths, tags, time, username, files, directories, bytes }: SnapshotInfo) => ({
  ...{ hostname, paths, tags, time, username, files, directories, bytes },
})

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const file = (length: number, seed: number) => ({ ...metadata, content: noise(length, seed) })
/** 1.2 MB in files of many chunks, and small ones. */
const big: MemoryTree = Object.fromEntries([
  ...Array.from({ length: 10 }, (_, i) => [`large/${i}`, file(100_000 + i, i + 1)] as const),
  ...Array.from({ length: 200 }, (_, i) => [`small/${i}`, file(1000 + i, 100 + i)] as const),
])

for (const [name, shared] of [["with another key", false], ["with the same key", true]] as const) {
  describe(`copy: rozen, ${name}`, () => {
    const pair = Effect.gen(function* () {
      const from = yield* make()
      const to = yield* make(shared ? from.repository : undefined)
      return { from, to }
    })
    const run = <A, E>(test: (sides: Effect.Success<typeof pair>) => Effect.Effect<A, E, SqliteEngine | Scope.Scope>) =>
      runFormat(Effect.flatMap(pair, test))

    it("keeps every kind of entry and the record of the snapshot; a second copy has nothing to do", () =>
      run(({ from, to }) =>
        Effect.gen(function* () {
          const options = { paths, hostname: "host", username: "me", tags: ["x"], time: 1_700_000_000_000 }
          yield* from.repository.backup(walk(everything()), options)
          yield* from.repository.backup(walk({ ...everything(), more: file(5, 5) }), {
            ...options,
            time: 1_800_000_000_000,
          })
          assert.deepEqual(outcomes(yield* copyAll(from.repository, to.repository)), ["copied", "copied"])
          assert.deepEqual(yield* contents(to.repository), yield* contents(from.repository))
          const [sources, targets] = [yield* from.repository.snapshots, yield* to.repository.snapshots]
          assert.deepEqual(targets.map(details), sources.map(details))
          assert.deepEqual(targets.map(({ original }) => original), sources.map(({ id }) => id))
          yield* clean(yield* to.open)
          const before = to.store.counts()
          assert.deepEqual(outcomes(yield* copyAll(from.repository, to.repository)), ["there", "there"])
          assert.deepEqual(outcomes(yield* copyAll(to.repository, from.repository)), ["there", "there"], "and back")
          assert.equal(to.store.counts().written, before.written)
        })
      ))

    it("reads and writes only new chunks", () =>
      run(({ from, to }) =>
        Effect.gen(function* () {
          yield* from.repository.backup(walk(big), { paths, time: 1000 })
          yield* copyAll(from.repository, to.repository)
          const added = { "large/new": file(150_000, 900), "large/moved": file(100_003, 4) }
          const { "large/3": _moved, ...rest } = big
          yield* from.repository.backup(walk({ ...rest, ...added }), { paths, time: 2000 })
          const [source, target] = [from.store.counts(), to.store.counts()]
          const [, copied] = yield* copyAll(yield* from.open, yield* to.open)
          const read = from.store.counts().bytesRead - source.bytesRead
          const written = to.store.counts().bytesWritten - target.bytesWritten
          // Besides: indexes, catalogs of both snapshots of both sides, footers.
          const objects = yield* Stream.runCollect(from.store.list("INDEX/"))
          const index = objects.reduce((n, { size }) => n + size, 0)
          assert.ok(read < 150_000 + 2 * index + 100_000, `read ${read}, the index has ${index}`)
          assert.ok(written < 150_000 + index + 20_000, `wrote ${written}, the index has ${index}`)
          assert.equal(copied?.outcome === "copied" && copied.summary.bytesAdded, 150_000)
          assert.equal(copied?.outcome === "copied" && copied.summary.filesUnchanged, 210)
          assert.deepEqual(yield* contents(to.repository), yield* contents(from.repository))
          yield* clean(yield* to.open)
        })
      ))

    if (!shared) {
      it("learns once from a snapshot that both have, not once for each copy", () =>
        run(({ from, to }) =>
          Effect.gen(function* () {
            const alone = (seed: number): MemoryTree => ({ [`file ${seed}`]: file(5000, seed) })
            yield* from.repository.backup(walk(alone(1)), { paths: ["/other"], time: 1000 })
            yield* copyAll(from.repository, to.repository)
            yield* from.repository.backup(walk(alone(2)), { paths, time: 2000 })
            yield* from.repository.backup(walk(alone(3)), { paths, time: 3000 })
            const read: Array<string> = []
            const recording: ObjectStore = {
              ...from.store,
              get: (name, part) => {
                read.push(name)
                return from.store.get(name, part)
              },
            }
            const source = yield* Effect.provideService(small.open(secret("a")), ObjectStore, recording)
            const [, second, third] = yield* source.snapshots
            const copier = yield* to.repository.copier!(source)!
            yield* copier.copy(second!)
            const before = new Set(read.splice(0))
            yield* copier.copy(third!)
            assert.ok(read.length > 0)
            assert.deepEqual(read.filter((name) => before.has(name)), [])
          })
        ))
    }

    it("stores no more than the source", () =>
      run(({ from, to }) =>
        Effect.gen(function* () {
          yield* from.repository.backup(walk(big), { paths, time: 1000 })
          yield* copyAll(from.repository, to.repository)
          const [source, target] = [from.store.counts().bytesWritten, to.store.counts().bytesWritten]
          assert.ok(Math.abs(source - target) < source / 50, `${source} and ${target}`)
        })
      ))

    it("gives the same entries as a conversion", () =>
      fc.assert(
        fc.asyncProperty(smallTree, (tree) =>
          run(({ from, to }) =>
            Effect.gen(function* () {
              const { repository: other } = yield* make()
              yield* from.repository.backup(walk(tree), { paths, time: 1000 })
              yield* copyAll(from.repository, to.repository)
              yield* Stream.runDrain(convert(from.repository, other))
              assert.deepEqual(yield* contents(to.repository), yield* contents(other))
              yield* clean(to.repository)
            })
          )),
        { numRuns: 10, endOnFailure: true },
      ))

    it("works in both directions, and through a third repository", () =>
      run(({ from, to }) =>
        Effect.gen(function* () {
          const third = yield* make()
          yield* from.repository.backup(walk(big), { paths, time: 1000, hostname: "a" })
          yield* to.repository.backup(walk({ ...big, own: file(10, 1) }), { paths, time: 1500, hostname: "b" })
          yield* copyAll(from.repository, to.repository)
          yield* copyAll(to.repository, from.repository)
          yield* copyAll(from.repository, third.repository)
          assert.deepEqual(outcomes(yield* copyAll(to.repository, third.repository)), ["there", "there"])
          const right = yield* contents(from.repository)
          assert.equal(right.length, 2)
          assert.deepEqual(yield* contents(to.repository), right)
          assert.deepEqual(yield* contents(third.repository), right)
          for (const { open } of [from, to, third]) yield* clean(yield* open)
        })
      ))

    it("leaves out and names files that the source has lost, and copies nothing damaged", () =>
      run(({ from, to }) =>
        Effect.gen(function* () {
          yield* from.repository.backup(walk(big), { paths, time: 1000 })
          const [pack] = (yield* Stream.runCollect(from.store.list("DATA/"))).filter(({ name }) =>
            name.endsWith(".roz")
          )
          const bytes = yield* from.store.get(pack!.name, { atMost: Infinity })
          bytes[200]! ^= 1
          yield* from.store.put(pack!.name, [bytes], { replace: true })
          const repository = yield* from.open
          const damaged = (facts: ReadonlyMap<string, Facts>) =>
            [...facts].filter(([, { damage }]) => damage !== undefined).map(([path]) => path).sort()
          const [source] = yield* contents(repository)
          const lost = damaged(source!)
          assert.ok(lost.length > 0)
          const [one] = yield* Stream.runCollect(copy(repository, to.repository))
          assert.ok(one?.outcome === "copied")
          assert.deepEqual(one.summary.problems.map(({ path }) => path).sort(), lost)
          for (const { message } of one.summary.problems) assert.match(message, /^Its content is lost: a block of DATA/)
          const [target] = yield* contents(to.repository)
          for (const path of lost) assert.ok(source!.delete(path))
          assert.deepEqual(target, source)
          yield* clean(yield* to.open)
        })
      ))

    it("works during other copies and backups", () =>
      run(({ from, to }) =>
        Effect.gen(function* () {
          const other = yield* make(shared ? from.repository : undefined)
          yield* from.repository.backup(walk(big), { paths, time: 1000, hostname: "a" })
          yield* other.repository.backup(walk({ ...big, b: file(9, 9) }), { paths, time: 2000, hostname: "b" })
          const own = to.repository.backup(walk({ ...big, c: file(8, 8) }), { paths, time: 3000, hostname: "c" })
          const all = [copyAll(from.repository, to.repository), copyAll(other.repository, to.repository)]
          yield* Effect.all([...all, ...all, own], { concurrency: "unbounded", discard: true })
          yield* clean(yield* to.open)
          const right = new Map<string, unknown>()
          for (const { repository } of [from, other]) {
            for (const snapshot of yield* repository.snapshots) {
              right.set(snapshot.id, yield* factsOf(repository.entries(snapshot)))
            }
          }
          const copies = (yield* to.repository.snapshots).filter(({ original }) => original !== undefined)
          assert.deepEqual(new Set(copies.map(({ original }) => original)), new Set(right.keys()))
          for (const one of copies) {
            assert.deepEqual(yield* factsOf(to.repository.entries(one)), right.get(one.original!))
          }
        })
      ))

    it("copies chunks again that the target has lost", () =>
      run(({ from, to }) =>
        Effect.gen(function* () {
          yield* from.repository.backup(walk(big), { paths, time: 1000 })
          yield* from.repository.backup(walk({ ...big, more: file(9, 9) }), { paths, time: 2000 })
          const [first] = yield* from.repository.snapshots
          yield* Stream.runDrain(copy(from.repository, to.repository, { snapshots: [first!] }))
          for (const { name } of yield* Stream.runCollect(to.store.list("DATA/"))) {
            if (name.endsWith(".roz")) yield* to.store.remove(name)
          }
          yield* copyAll(from.repository, yield* to.open)
          assert.deepEqual(yield* contents(yield* to.open), yield* contents(from.repository))
        })
      ))
  })
}

const others: ReadonlyArray<readonly [Format, Secrets]> = [
  // Short chunks in packfiles have to be read to tell how long files are.
  [makeBkp({ iterations: 10, packBelow: 0 }), secret("a")],
  [makeSnapshotCatalog({ average: 4 << 10 }), {}],
  [makeFogsync(), { key: Redacted.make(noise(32, 1)) }],
]
for (const [format, secrets] of others) {
  it(`copy: ${format.name} reads only files that the last copy does not have`, () =>
    runFormat(Effect.gen(function* () {
      const make = Effect.gen(function* () {
        const store = counting(yield* memoryStore.make())
        return { store, repository: yield* Effect.provideService(format.create(secrets), ObjectStore, store) }
      })
      const [from, to] = [yield* make, yield* make]
      const options = { paths, hostname: "h" }
      yield* from.repository.backup(walk({ ...big, empty: file(0, 1), again: file(150_000, 901) }), {
        ...options,
        time: 1_700_000_000_000,
      })
      yield* copyAll(from.repository, to.repository)
      // The metadata of a file that is the same change, and those of one that is another do not.
      const second = { ...big, "large/3": { ...file(100_003, 4), mtime: 1n << 60n }, "again": file(150_000, 900) }
      yield* from.repository.backup(walk(second), { ...options, time: 1_700_000_100_000, parent: "none" })
      const newest = (yield* from.repository.snapshots).at(-1)!
      const start = from.store.counts().bytesRead
      yield* Stream.runDrain(from.repository.entries(newest, { content: false }))
      const listing = from.store.counts().bytesRead - start
      const before = from.store.counts().bytesRead
      const all = yield* copyAll(from.repository, to.repository)
      assert.deepEqual(outcomes(all), ["there", "copied"])
      const read = from.store.counts().bytesRead - before
      assert.ok(read < 150_000 + 2 * listing + 70_000, `${read} read, a listing is ${listing}`)
      assert.deepEqual(yield* contents(to.repository), yield* contents(from.repository))
      yield* clean(to.repository)
    })))
}

describe("copy", () => {
  it("refuses objects of another repository with the same key", () =>
    runFormat(Effect.gen(function* () {
      const from = yield* make()
      const to = yield* make(from.repository)
      for (const time of [1000, 2000]) yield* from.repository.backup(walk({ a: file(time, 1) }), { paths, time })
      yield* Stream.runDrain(
        copy(from.repository, to.repository, { snapshots: [(yield* from.repository.snapshots)[0]!] }),
      )
      const found = yield* Stream.runCollect(from.store.list("INDEX/"))
      const { name } = found.find(({ name }) => name.startsWith("INDEX/01-"))!
      yield* to.store.put(name, [yield* from.store.get(name, { atMost: Infinity })])
      const repository = yield* to.open
      assert.equal((yield* repository.snapshots).length, 1)
      const { findings } = yield* repository.check({ readData: 0 })
      assert.deepEqual(findings.map(({ object }) => object), [name])
      assert.match(findings[0]!.message, /of another repository/)
    })))

  it("does not mistake a snapshot of the same time, host and paths for a copy", () =>
    runFormat(Effect.gen(function* () {
      const [from, to] = [yield* make(), yield* make()]
      const options = { paths, time: 1000, hostname: "h" }
      yield* from.repository.backup(walk({ a: file(1000, 1) }), options)
      yield* to.repository.backup(walk({ a: file(1000, 2) }), options)
      assert.deepEqual(outcomes(yield* copyAll(from.repository, to.repository)), ["copied"])
      const [own] = yield* from.repository.snapshots
      const copied = (yield* to.repository.snapshots).find(({ original }) => original === own!.id)
      assert.deepEqual(
        yield* factsOf(to.repository.entries(copied!)),
        yield* factsOf(from.repository.entries(own!)),
      )
    })))
})
