/** What bkp promises beyond the contract of all formats: unchanged objects, parts, links of snapshots, packfiles. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Clock, Effect, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { makeBkp } from "../../../formats/bkp/mod.ts"
import type { Repository } from "../../../formats/repository.ts"
import { ObjectStore, StoreError } from "../../../stages/store/store.ts"
import type { Entry, Metadata } from "../../../stages/walk/entry.ts"
import { type Facts, factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { inRepository, inStore, names, options, secrets, small, smallOptions, walk } from "./harness.ts"

const SECOND = 1_000_000_000n
const old: Metadata = { mode: 0o600, mtime: 1_600_000_000n * SECOND, ctime: 1_600_000_000n * SECOND }
const file = (seed: number, length = 3000, metadata = old): MemoryTree[string] => ({
  ...metadata,
  content: noise(length, seed),
})
const directory = (mode: number): MemoryTree[string] => ({ ...old, mode, directory: true })

const home: MemoryTree = {
  "": directory(0o755),
  "etc": directory(0o750),
  "etc/host": file(1),
  "home": directory(0o711),
  "home/me": directory(0o700),
  "home/me/a": file(2),
  "home/me/deep": directory(0o700),
  "home/me/deep/b": file(3, 50_000),
  "home/you": directory(0o700),
  "home/you/c": file(4),
  "zero": file(5, 0),
}

/** Entries of files whose content must not be read. */
const untouched = (tree: MemoryTree): Stream.Stream<Entry> =>
  Stream.map(
    walk(tree),
    (entry) =>
      entry.kind === "file" ? { ...entry, content: { open: () => assert.fail(`${entry.path} was opened`) } } : entry,
  )

const facts = (repository: Repository, index = -1) =>
  Effect.flatMap(repository.snapshots, (all) => factsOf(repository.entries(all.at(index)!)))
const clean = (repository: Repository) =>
  Effect.map(repository.check({ readData: 100 }), ({ findings }) => assert.deepEqual(findings, []))

/** A clock that does not move. */
const at = (milliseconds: number): Clock.Clock => ({
  currentTimeMillisUnsafe: () => milliseconds,
  currentTimeMillis: Effect.succeed(milliseconds),
  currentTimeNanosUnsafe: () => BigInt(milliseconds) * 1_000_000n,
  currentTimeNanos: Effect.succeed(BigInt(milliseconds) * 1_000_000n),
  monotonicTimeNanosUnsafe: () => 0n,
  monotonicTimeNanos: Effect.succeed(0n),
  sleep: () => Effect.void,
})

describe("a second run of bkp", () => {
  it("reads no unchanged file, and stores only a snapshot if nothing changed", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk(home), options)
        const before = yield* names(store)
        const second = yield* repository.backup(untouched(home), options)
        assert.equal(second.filesUnchanged, 5)
        const fresh = (yield* names(store)).filter((name) => !before.includes(name))
        assert.deepEqual(fresh.map((name) => name.split("/")[0]).sort(), ["metadata", "next"])
        // The snapshot is 74 bytes: its tree is that of the first.
        assert.equal(second.bytesStored, 74 + 28)
        assert.deepEqual(yield* facts(repository), yield* facts(repository, 0))
        yield* clean(repository)
      })
    ))

  it("writes only changed objects, and the trees above them", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk(home), options)
        const before = yield* names(store, "metadata/")
        const changed = { ...home, "home/me/a": file(6, 3000, { ...old, mtime: old.mtime! + SECOND }) }
        yield* repository.backup(walk(changed), options)
        const fresh = (yield* names(store, "metadata/")).filter((name) => !before.includes(name))
        // A packfile with the file and three trees, and the snapshot.
        assert.equal(fresh.length, 2)
        yield* clean(repository)
        assert.equal((yield* facts(repository)).size, Object.keys(home).length)
      })
    ))

  it("reads a file again if its times are as late as its object", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const now = 1_700_000_000n * SECOND
        for (const [late, expected] of [[now, 0], [now - SECOND, 0], [now - 2n * SECOND, 1]] as const) {
          const tree = { "a": file(1, 100, { mode: 0o600, mtime: late, ctime: late }) }
          yield* repository.backup(walk(tree), { ...options, parent: "none" })
          assert.equal((yield* repository.backup(walk(tree), options)).filesUnchanged, expected)
        }
      }).pipe(Effect.provideService(Clock.Clock, at(1_700_000_000_999)))
    ))

  it("does not rely on the time that the user gave a snapshot", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const now = BigInt(Date.now()) * 1_000_000n
        const tree = (seed: number): MemoryTree => ({ "a": file(seed, 100, { mode: 0o600, mtime: now, ctime: now }) })
        const summary = yield* repository.backup(walk(tree(1)), { ...options, time: Date.now() + 1e9 })
        assert.equal(summary.snapshot!.time % 1000, 0)
        assert.equal((yield* repository.backup(walk(tree(2)), options)).filesUnchanged, 0)
        const all = yield* repository.snapshots
        assert.equal(all[1]!.id, summary.snapshot!.id, "sorted by time")
        assert.equal(all[1]!.parent, undefined)
        assert.equal(all[0]!.parent, summary.snapshot!.id)
      })
    ))

  it("of another host shares chunks, but no trees", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk(home), options)
        const other = yield* repository.backup(walk(home), { ...options, hostname: "Other Host" })
        assert.deepEqual([other.filesUnchanged, other.chunksNew, other.snapshot!.parent], [0, 0, undefined])
        assert.deepEqual(yield* names(store, "heads/"), ["heads/_4fther_20_48ost", "heads/host"])
        assert.deepEqual((yield* repository.snapshots).map(({ hostname }) => hostname).sort(), ["Other Host", "host"])
      })
    ))
})

describe("a part of a tree", () => {
  const part = makeBkp({ ...smallOptions, part: "home/me" })
  const both = <A>(use: (whole: Repository, me: Repository) => Effect.Effect<A, unknown>) =>
    inStore(() =>
      Effect.gen(function* () {
        yield* small.create(secrets)
        return yield* use(yield* small.open(secrets), yield* part.open(secrets))
      })
    )
  const changed: MemoryTree = { "": directory(0o770), "a": file(7), "new": directory(0o700), "new/d": file(8) }
  const outside = (all: ReadonlyMap<string, Facts>) =>
    [...all].filter(([path]) => path !== "home/me" && !path.startsWith("home/me/"))

  it("replaces that part, and carries over everything else", () =>
    both((whole, me) =>
      Effect.gen(function* () {
        yield* whole.backup(walk(home), options)
        const summary = yield* me.backup(walk(changed), options)
        assert.deepEqual([summary.files, summary.directories], [2, 2])
        const after = yield* facts(whole)
        assert.deepEqual(outside(after), outside(yield* facts(whole, 0)))
        assert.deepEqual(
          [...after.keys()].filter((path) => path.startsWith("home/me")).sort(),
          ["home/me", "home/me/a", "home/me/new", "home/me/new/d"],
        )
        assert.equal(after.get("home/me")!.metadata.mode, 0o770)
        assert.equal((yield* me.backup(untouched(changed), options)).filesUnchanged, 2)
        assert.equal((yield* whole.snapshots).length, 3)
        yield* clean(whole)
      })
    ))

  it("is removed by a run without entries, and comes back", () =>
    both((whole, me) =>
      Effect.gen(function* () {
        yield* whole.backup(walk(home), options)
        yield* me.backup(Stream.empty, options)
        const without = yield* facts(whole)
        assert.deepEqual([...without], outside(yield* facts(whole, 0)))
        yield* me.backup(
          Stream.map(walk({ "x": file(9) }), (entry) => entry).pipe(Stream.filter(({ path }) => path === "x")),
          options,
        )
        const again = yield* facts(whole)
        assert.deepEqual([...again.keys()].filter((path) => path.startsWith("home/me")), ["home/me/x"])
        yield* clean(whole)
      })
    ))

  it("can be the first snapshot of a client", () =>
    both((whole, me) =>
      Effect.gen(function* () {
        yield* me.backup(walk(changed), { ...options, hostname: "new" })
        assert.deepEqual(
          [...(yield* facts(whole)).keys()],
          ["home/me", "home/me/a", "home/me/new", "home/me/new/d"],
        )
      })
    ))

  it("must have a valid path", () =>
    inStore(() =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          Effect.flatMap(
            makeBkp({ ...smallOptions, part: "../x" }).create(secrets),
            (one) => one.backup(walk({}), options),
          ),
        )
        assert.equal((error as { reason: string }).reason, "unsupported")
      })
    ))
})

describe("snapshots of one host", () => {
  it("that are made at the same time are all kept, one after the other", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const trees = Array.from({ length: 6 }, (_, i): MemoryTree => ({ [`own ${i}`]: file(10 + i) }))
        yield* Effect.forEach(trees, (tree) => repository.backup(walk(tree), options), { concurrency: "unbounded" })
        const all = yield* repository.snapshots
        assert.equal(all.length, 6)
        assert.deepEqual(all.map(({ parent }) => parent), [undefined, ...all.slice(0, -1).map(({ id }) => id)])
        const found = yield* Effect.forEach(all, (one) => factsOf(repository.entries(one)))
        assert.deepEqual(found.flatMap((one) => [...one.keys()].filter((path) => path !== "")).sort(), [
          ...trees.flatMap((tree) => Object.keys(tree)),
        ])
        yield* clean(repository)
      })
    ))

  it("are found if the head is old, and the next run continues after the last", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk(home), options)
        const head = yield* store.get("heads/host", { atMost: Infinity })
        const second = yield* repository.backup(walk({ ...home, "x": file(20) }), options)
        yield* store.put("heads/host", [head], { replace: true })
        assert.equal((yield* repository.snapshots).length, 2)
        const third = yield* repository.backup(untouched({ ...home, "x": file(20) }), options)
        assert.equal(third.snapshot!.parent, second.snapshot!.id)
        assert.equal((yield* repository.snapshots).length, 3)
        yield* clean(repository)
      })
    ))

  it("of a part fail if another run ended in the meantime", () =>
    inStore((store) =>
      Effect.gen(function* () {
        const whole = yield* small.create(secrets)
        yield* whole.backup(walk(home), options)
        // The other run ends after this one reads the head and before it creates the link.
        let other: Effect.Effect<unknown, unknown> = Effect.void
        const watched: ObjectStore = {
          ...store,
          put: (name, parts, how) => {
            const first = name.startsWith("next/") ? other : Effect.void
            if (name.startsWith("next/")) other = Effect.void
            return Effect.andThen(Effect.orDie(first), store.put(name, parts, how))
          },
        }
        const me = yield* Effect.provideService(
          makeBkp({ ...smallOptions, part: "home/me" }).open(secrets),
          ObjectStore,
          watched,
        )
        other = whole.backup(walk({ ...home, "late": file(21) }), options)
        const error = yield* Effect.flip(me.backup(walk({ "a": file(22) }), options))
        assert.match(error.message, /run it again/)
        assert.equal((yield* whole.snapshots).length, 2)
        yield* me.backup(walk({ "a": file(22) }), options)
        const after = yield* facts(whole)
        assert.ok(after.has("late") && after.has("home/me/a") && !after.has("home/me/deep"))
        yield* clean(whole)
      })
    ))

  it("with a name that is too long are refused", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(repository.backup(walk(home), { ...options, hostname: "x".repeat(300) }))
        assert.equal(error._tag === "RepositoryError" && error.reason, "unsupported")
      })
    ))
})

describe("packfiles of bkp", () => {
  it("hold small chunks and objects: few packfiles for little content, one for each first byte for much", () =>
    inStore((store) =>
      Effect.gen(function* () {
        const format = makeBkp({ iterations: 10, packBelow: 20_000, windowBytes: 6 << 20 })
        const repository = yield* format.create(secrets)
        const many: MemoryTree = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`f${i}`, file(i, 10_000)]))
        yield* repository.backup(walk({ ...many, "big": file(2000, 30_000) }), options)
        const blocks = yield* names(store, "blocks/")
        const packs = blocks.filter((name) => name.endsWith(".pack"))
        // About 8 MB are divided by first byte, and the rest is one packfile.
        assert.ok(packs.length > 200 && packs.length <= 257, `${packs.length} packfiles`)
        assert.equal(packs.filter((name) => name.includes("/any-")).length, 1)
        for (const name of packs.filter((name) => !name.includes("/any-"))) assert.match(name, /^blocks\/(..)\/\1-/)
        assert.ok((yield* names(store, "metadata/")).length <= 3)
        yield* clean(repository)
        const again = yield* format.open(secrets)
        assert.equal((yield* again.backup(walk(many), { ...options, parent: "none" })).chunksNew, 0)
        assert.equal((yield* facts(again)).size, 1001)
      })
    ))

  it("are read only if they may hold what is wanted", () =>
    inStore((store) =>
      Effect.gen(function* () {
        const format = makeBkp({ iterations: 10, packBelow: 20_000, windowBytes: 6 << 20 })
        const many: MemoryTree = Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`f${i}`, file(i, 10_000)]))
        const { snapshot } = yield* Effect.flatMap(format.create(secrets), (one) => one.backup(walk(many), options))
        const read = new Set<string>()
        const watched: ObjectStore = { ...store, get: (name, range) => (read.add(name), store.get(name, range)) }
        const repository = yield* Effect.provideService(format.open(secrets), ObjectStore, watched)
        const one = yield* factsOf(repository.entries(snapshot!, { include: (path) => path === "f5" }))
        assert.equal(one.get("f5")!.size, 10_000)
        const packs = [...read].filter((name) => name.startsWith("blocks/"))
        assert.ok(packs.length <= 2, packs.join())
      })
    ))

  it("give sizes without reading chunks in files of their own", () =>
    inStore((store) =>
      Effect.gen(function* () {
        const { snapshot } = yield* Effect.flatMap(
          small.create(secrets),
          (one) => one.backup(walk({ "big": file(1, 100_000) }), options),
        )
        const watched: ObjectStore = {
          ...store,
          get: (name, range) => {
            assert.ok(!/^blocks\/..\/[0-9a-f]{64}$/.test(name), `${name} was read`)
            return store.get(name, range)
          },
        }
        const repository = yield* Effect.provideService(small.open(secrets), ObjectStore, watched)
        const listed = yield* Stream.runCollect(repository.entries(snapshot!, { content: false }))
        assert.deepEqual(listed.map(({ content, path, size }) => [path, size, content]), [["", 0, undefined], [
          "big",
          100_000,
          undefined,
        ]])
      })
    ))
})

describe("a name that is taken by something other than an object", () => {
  it("does not stop a backup: the content goes into a packfile", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk(home), options)
        const lost = (yield* names(store, "blocks/")).find((name) => !name.endsWith(".pack"))!
        yield* store.remove(lost)
        const gone = new StoreError({ reason: "not-found", object: lost, message: `${lost} is not there` })
        const taken = new StoreError({ reason: "exists", object: lost, message: `${lost} is there` })
        // Like a directory store where a directory has the name.
        const blocked: ObjectStore = {
          ...store,
          put: (name, parts, how) => name === lost ? Effect.fail(taken) : store.put(name, parts, how),
          stat: (name) => name === lost ? Effect.fail(gone) : store.stat(name),
        }
        const again = yield* Effect.provideService(small.open(secrets), ObjectStore, blocked)
        const before = yield* names(store, "blocks/")
        const { problems } = yield* again.backup(walk(home), { ...options, parent: "none" })
        assert.deepEqual(problems, [])
        const added = (yield* names(store, "blocks/")).filter((name) => !before.includes(name))
        assert.equal(added.length, 1)
        assert.match(added[0]!, /\.pack$/)
        yield* clean(again)
        assert.deepEqual(yield* facts(again), yield* factsOf(walk(home)))
        assert.deepEqual(yield* facts(again, 0), yield* factsOf(walk(home)))
      })
    ))
})
