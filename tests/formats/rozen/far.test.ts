/**
 * A store that is far away: many writes are under way at once, in the order that SPEC.md demands.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { counting } from "../../../adapters/store/counting/counting.ts"
import { fault, type FaultOptions } from "../../../adapters/store/fault/fault.ts"
import { latency } from "../../../adapters/store/latency/latency.ts"
import type { Format } from "../../../formats/format.ts"
import type { FormatError } from "../../../formats/error.ts"
import type { ReadOptions, Repository } from "../../../formats/repository.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
import { ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { contentStream } from "../../../stages/walk/content.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { kindOf, options, secrets, small } from "./harness.ts"
import { objectsOf, storeOf } from "../../suites/format/objects.ts"
import { isOfStoppedRun } from "../../suites/format/faults.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
/** About six packs of 64 KiB. */
const tree: MemoryTree = {
  "large": { ...metadata, content: noise(300_000, 1) },
  ...Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`f${i}`, { ...metadata, content: noise(3000 + i, 10 + i) }]),
  ),
}
const changed: MemoryTree = { ...tree, "new": { ...metadata, content: noise(130_000, 99) } }
const walk = (tree: MemoryTree): Stream.Stream<Entry> => memorySource(tree).entries("", {}) as Stream.Stream<Entry>
const opened = (store: ObjectStore, format: Format = small) =>
  Effect.provideService(format.open(secrets), ObjectStore, store)
const created = (store: ObjectStore, format: Format = small) =>
  Effect.provideService(format.create(secrets), ObjectStore, store)
const backup = (repository: Repository, tree: MemoryTree) => repository.backup(walk(tree), options)

/**
 * The order of SPEC.md, "Writing": a kind is not started before all objects of kinds with lower numbers are durable.
 */
const STEPS: Readonly<Record<string, number>> = { roz: 1, map: 2, "roz-log": 3, cat: 4, catmap: 5, idx: 6 }

/** The store, in which writes take uneven times. When a write begins, its order is checked. */
const ordered = (store: ObjectStore) => {
  const durable = new Set<string>()
  const begun: Array<string> = []
  const failed: Array<string> = []
  const put: ObjectStore["put"] = (name, parts, how) =>
    Effect.suspend(() => {
      const step = STEPS[kindOf(name)]
      for (const earlier of begun) {
        if (step === undefined || STEPS[kindOf(earlier)]! >= step) continue
        assert.ok(durable.has(earlier), `${name} was begun before ${earlier} was durable`)
      }
      if (step !== undefined) begun.push(name)
      const pause = Effect.sleep(begun.length % 3 * 4)
      return Effect.andThen(pause, store.put(name, parts, how)).pipe(
        Effect.tap(() => Effect.sync(() => durable.add(name))),
        Effect.tapError(() => Effect.sync(() => failed.push(name))),
      )
    })
  return { store: { ...store, put } satisfies ObjectStore, begun, durable, failed }
}

describe("writing to a store that is far away", () => {
  it("several packs at once, as many as it has connections, and each kind after the one before is durable", () =>
    runFormat(Effect.gen(function* () {
      const { begun, durable, store } = ordered(yield* storeOf(new Map()))
      const far = latency(store, { delay: 5, connections: 3 })
      const repository = yield* created(far)
      const { snapshot } = yield* backup(repository, tree)
      assert.ok(begun.filter((name) => kindOf(name) === "roz").length >= 5)
      assert.ok(begun.every((name) => durable.has(name)))
      assert.equal(kindOf(begun.at(-1)!), "idx")
      assert.equal(far.busiest(), 3)
      assert.deepEqual(yield* factsOf(repository.entries(snapshot!)), yield* factsOf(walk(tree)))
    })))

  it("one at a time where the store demands it, or packs are large", () =>
    runFormat(Effect.gen(function* () {
      for (const [connections, packBytes] of [[1, 64 << 10], [8, 64 << 20]] as const) {
        const base = yield* storeOf(new Map())
        let under = 0
        let most = 0
        const counted: ObjectStore = {
          ...base,
          put: (name, parts, how) =>
            Effect.suspend(() => {
              most = Math.max(most, ++under)
              return Effect.ensuring(
                Effect.andThen(Effect.sleep(1), base.put(name, parts, how)),
                Effect.sync(() => under--),
              )
            }),
        }
        const format = makeRozen({
          packBytes,
          blockBytes: 16 << 10,
          average: 4 << 10,
          scrypt: { n: 1024, r: 8, p: 1 },
        })
        const repository = yield* created(latency(counted, { delay: 0, connections }), format)
        yield* backup(repository, tree)
        assert.equal(most, 1)
      }
    })))

  const faults: ReadonlyArray<readonly [string, Omit<FaultOptions, "nth">]> = [
    ["fails", { effect: "fail", operation: "put" }],
    ["fails, and all after it", { effect: "fail", operation: "put", onwards: true }],
    ["is done, and fails", { effect: "fail-after", operation: "put" }],
  ]
  for (const [what, effect] of faults) {
    it(`a write that ${what}: no object of a later kind is started, and the next run completes`, () =>
      runFormat(Effect.gen(function* () {
        const whole = yield* Effect.all([factsOf(walk(tree)), factsOf(walk(changed))])
        let runs = 0
        for (let nth = 1;; nth++, runs++) {
          const base = yield* storeOf(new Map())
          yield* backup(yield* created(base), tree)
          const faulty = fault(base, { ...effect, nth })
          const { begun, failed, store } = ordered(faulty)
          const far = latency(store, { delay: 0, connections: 3 })
          const ok = yield* Effect.flatMap(opened(far), (repository) => backup(repository, changed)).pipe(
            Effect.as(true),
            Effect.catch((error: FormatError) => {
              assert.equal(error._tag, "StoreError")
              return Effect.succeed(false)
            }),
          )
          assert.equal(ok, !faulty.hit())
          if (ok) break
          const step = STEPS[kindOf(failed[0]!)]!
          assert.ok(
            begun.every((name) => STEPS[kindOf(name)]! <= step),
            `${failed[0]} failed, then ${begun.at(-1)} was begun`,
          )
          const repository = yield* opened(latency(base, { delay: 0 }))
          const { findings } = yield* repository.check({ readData: 100 })
          assert.deepEqual(findings.filter((one) => !isOfStoppedRun(one)), [])
          yield* backup(repository, changed)
          const snapshots = yield* repository.snapshots
          const last = yield* factsOf(repository.entries(snapshots.at(-1)!))
          assert.deepEqual(last, whole[1])
          assert.deepEqual(yield* factsOf(repository.entries(snapshots[0]!)), whole[0])
          const after = yield* repository.check({ readData: 100 })
          assert.deepEqual(after.findings.filter((one) => !isOfStoppedRun(one)), [])
        }
        assert.ok(runs >= 7, `only ${runs} writes`)
      })))
  }
})

describe("requests to a store that is far away", () => {
  /** Packs of 16 MiB hold all of the tree. */
  const format = makeRozen({ scrypt: { n: 1024, r: 8, p: 1 } })

  it("are few, and do not grow with the number of files", () =>
    runFormat(Effect.gen(function* () {
      const base = yield* storeOf(new Map())
      const count = <A, E, R>(use: (repository: Repository) => Effect.Effect<A, E, R>, make = false) =>
        Effect.gen(function* () {
          const far = counting(latency(base, { delay: 0 }))
          yield* Effect.flatMap(make ? created(far, format) : opened(far, format), use)
          const { get, list, put, stat } = far.counts().requests
          return { get, list, put, stat }
        })
      yield* count(() => Effect.void, true)
      // ROZEN.json, the lock, the grant, the epoch; listings of KEYS, INDEX, FORGOTTEN, DATA; data, its index, the log,
      // the catalog, its index, the snapshot.
      assert.deepEqual(
        yield* count((repository) => backup(repository, tree)),
        { get: 4, list: 4, put: 6, stat: 0 },
      )
      // And INDEX again, the snapshot, an index of data and one of catalogs, the pack of the catalog; only a log and a
      // snapshot are new.
      assert.deepEqual(
        yield* count((repository) => backup(repository, tree)),
        { get: 8, list: 5, put: 2, stat: 0 },
      )
      const restore = (repository: Repository) =>
        Effect.flatMap(repository.snapshots, (all) => factsOf(repository.entries(all.at(-1)!)))
      const restored = yield* count(restore)
      // Two snapshots, indexes of either kind, the catalog, the pack of the data.
      assert.deepEqual(restored, { get: 10, list: 5, put: 0, stat: 0 })
      // Every object once, and those of the keys once more.
      const objects = 12
      assert.deepEqual(
        yield* count((repository) => repository.check({ readData: 100 })),
        { get: objects + 4, list: 6, put: 0, stat: 0 },
      )
    })))

  /** Packs of 1 MiB; a file in several of them. */
  const several = makeRozen({
    packBytes: 1 << 20,
    blockBytes: 64 << 10,
    average: 32 << 10,
    scrypt: { n: 1024, r: 8, p: 1 },
  })
  const wide: MemoryTree = {
    ...Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`f${i}`, { ...metadata, content: noise(20_000 + i, 100 + i) }]),
    ),
    "large": { ...metadata, content: noise(6_000_000, 7) },
  }
  /** The reads of packs of content, while all or some entries of a snapshot are read. */
  const reading = (base: ObjectStore, options: ReadOptions, near = false) =>
    Effect.gen(function* () {
      const asked: Array<{ readonly name: string; readonly bytes: number | undefined }> = []
      const store: ObjectStore = {
        ...base,
        get: (name, range) => {
          if (kindOf(name) === "roz") asked.push({ name, bytes: "atMost" in range ? undefined : range.length })
          return base.get(name, range)
        },
      }
      const repository = yield* opened(near ? store : latency(store, { delay: 0 }), several)
      const [snapshot] = yield* repository.snapshots
      return { asked, facts: yield* factsOf(repository.entries(snapshot!, options)) }
    })

  it("a pack of which most is wanted is fetched whole, once; of other packs only the wanted parts", () =>
    runFormat(Effect.gen(function* () {
      const base = yield* storeOf(new Map())
      yield* backup(yield* created(base, several), wide)
      const packs = [...(yield* objectsOf(base)).keys()].filter((name) => kindOf(name) === "roz")
      assert.ok(packs.length >= 7)
      const all = yield* reading(base, {})
      assert.deepEqual(all.facts, yield* factsOf(walk(wide)))
      assert.deepEqual(all.asked.map(({ name }) => name).sort(), packs)
      assert.ok(all.asked.every(({ bytes }) => bytes === undefined))
      const near = yield* reading(base, {}, true)
      assert.deepEqual(near.facts, all.facts)
      assert.ok(near.asked.length > packs.length && near.asked.every(({ bytes }) => bytes !== undefined))
      // What lists the blocks, and one block.
      const one = yield* reading(base, { include: (path) => path === "f50" || path === "" })
      assert.deepEqual([...one.facts.keys()], ["", "f50"])
      assert.equal(one.asked.length, 2)
      assert.ok(one.asked.every(({ bytes }) => bytes! < 128 << 10))
    })))

  it("damage is reported as it is for a near store", () =>
    runFormat(Effect.gen(function* () {
      const base = yield* storeOf(new Map())
      yield* backup(yield* created(base, several), wide)
      const objects = yield* objectsOf(base)
      // Those of small files.
      const [first, second, third] = [...new Set((yield* reading(base, {})).asked.map(({ name }) => name))]
      objects.get(first!)![500_000]! ^= 1
      objects.get(second!)!.fill(0, -8)
      const altered = yield* storeOf(objects)
      const unreadable: ObjectStore = {
        ...altered,
        get: (name, range) =>
          name === third && ("atMost" in range || range.offset < 300_000)
            ? Effect.fail(new StoreError({ reason: "io", object: name, message: `Cannot read ${name}` }))
            : altered.get(name, range),
      }
      const told = (near: boolean) =>
        Effect.gen(function* () {
          const repository = yield* opened(near ? unreadable : latency(unreadable, { delay: 0 }), several)
          const [snapshot] = yield* repository.snapshots
          return yield* Stream.runCollect(
            Stream.mapEffect(repository.entries(snapshot!), (entry) =>
              Effect.match(Stream.runDrain(contentStream(entry)), {
                onFailure: ({ message, reason }) => `${entry.path}: ${reason} ${message}`,
                onSuccess: () => `${entry.path}: whole`,
              })),
          )
        })
      const near = yield* told(true)
      for (const name of [first, second, third]) assert.ok(near.some((line) => line.includes(name!)), name)
      assert.ok(near.some((line) => line.endsWith("whole")))
      assert.deepEqual(yield* told(false), near)
    })))
})
