/** Chunks that writers stored at the same time are in several packs: all but one of these may be damaged. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { copy } from "../../../formats/copy.ts"
import type { Repository } from "../../../formats/repository.ts"
import { storedSize } from "../../../formats/stats.ts"
import { OnOtherPack } from "../../../stages/pack/other_packs.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { type Objects, objectsOf, storeOf } from "../../suites/format/objects.ts"
import { expected, flipped, namesOf, openIn, put, trees, walk } from "./damaged.ts"
import { options, secrets, small } from "./harness.ts"

const WRITERS = 3

/**
 * A repository into which three writers stored the same tree without seeing each other. Gives the data packs of each,
 * those first whose index comes first: Penstock reads these.
 */
const made = (() => {
  let made: Promise<{ readonly objects: Objects; readonly packs: ReadonlyArray<ReadonlyArray<string>> }> | undefined
  return () =>
    made ??= runFormat(Effect.gen(function* () {
      const empty = yield* storeOf(new Map())
      yield* Effect.provideService(small.create(secrets), ObjectStore, empty)
      const before = yield* objectsOf(empty)
      const all = new Map(before)
      const writers: Array<Objects> = []
      for (let n = 0; n < WRITERS; n++) {
        const store = yield* storeOf(before)
        const repository = yield* openIn(store)
        yield* repository.backup(walk(trees[0]!), { ...options, hostname: `host ${n}`, time: 1000 + n })
        const objects = yield* objectsOf(store)
        writers.push(objects)
        for (const [name, bytes] of objects) all.set(name, bytes)
      }
      const indexOf = (objects: Objects): string => namesOf(objects, "map")[0]!
      writers.sort((a, b) => indexOf(a) < indexOf(b) ? -1 : 1)
      return { objects: all, packs: writers.map((objects) => namesOf(objects, "roz")) }
    }))
})()

/** A bit of several blocks of a pack, each far from the footer. */
const badBlocks = (pack: Uint8Array): Uint8Array =>
  [500, 20_500, 40_500].filter((at) => at < pack.length - 4000).reduce(flipped, pack)

/** Damages that a chunk outlives in another pack. */
const damages: Readonly<Record<string, (pack: Uint8Array) => Uint8Array | undefined>> = {
  "blocks with flipped bits": badBlocks,
  "a footer with a flipped bit": (pack) => flipped(pack, pack.length - 30),
  "packs that were cut off": (pack) => pack.slice(0, pack.length / 2),
  "packs that are gone": () => undefined,
}

/** Damages the packs of the first `count` writers, and runs with what readers are told. */
const damaged = async (
  count: number,
  damage: (pack: Uint8Array) => Uint8Array | undefined,
  use: (repository: Repository, packs: ReadonlyArray<string>, told: ReadonlySet<string>) => ReturnType<typeof openIn>,
): Promise<void> => {
  const { objects, packs } = await made()
  const told = new Set<string>()
  await runFormat(
    Effect.gen(function* () {
      const store = yield* storeOf(objects)
      const bad = packs.slice(0, count).flat()
      for (const pack of bad) yield* put(store, pack, damage(objects.get(pack)!))
      yield* use(yield* openIn(store), bad, told)
    }).pipe(Effect.provideService(OnOtherPack, (damage) => void told.add(damage))),
  )
}

describe("chunks that are in several packs", () => {
  for (const [what, damage] of Object.entries(damages)) {
    it(`${what}: a restore is whole and says so, check names the packs and no file`, () =>
      damaged(WRITERS - 1, damage, (repository, packs, told) =>
        Effect.gen(function* () {
          const [right] = yield* Effect.promise(() => expected)
          const snapshots = yield* repository.snapshots
          assert.equal(snapshots.length, WRITERS)
          for (const snapshot of snapshots) assert.deepEqual(yield* factsOf(repository.entries(snapshot)), right)
          assert.ok(told.size > 0)
          for (const damage of told) assert.ok(packs.some((pack) => damage.includes(pack)), damage)

          const { findings } = yield* repository.check({ readData: 100 })
          assert.deepEqual(findings.map(({ object }) => object).sort(), [...packs].sort())
          assert.deepEqual(findings.flatMap(({ files }) => files), [])
          if (damage === badBlocks) assert.ok(findings.every(({ message }) => message.endsWith("so nothing is lost")))
          return repository
        })))

    it(`${what}: copies are whole`, () =>
      damaged(WRITERS - 1, damage, (repository, packs, told) =>
        Effect.gen(function* () {
          const [right] = yield* Effect.promise(() => expected)
          const store = yield* memoryStore.make()
          const target = yield* Effect.provideService(small.create(secrets), ObjectStore, store)
          for (const one of yield* Stream.runCollect(copy(repository, target))) {
            assert.equal(one.outcome, "copied")
            if (one.outcome === "copied") assert.deepEqual(one.summary.problems, [])
          }
          for (const snapshot of yield* target.snapshots) {
            assert.deepEqual(yield* factsOf(target.entries(snapshot)), right)
          }
          for (const damage of told) assert.ok(packs.some((pack) => damage.includes(pack)), damage)
          assert.ok(told.size > 0)
          assert.deepEqual((yield* target.check({ readData: 100 })).findings, [])
          return repository
        })))
  }

  for (const [what, count, reads] of [["once without damage", 0, 1], ["twice with damage", 1, 2]] as const) {
    it(`each index is read ${what}`, async () => {
      const { objects, packs } = await made()
      const read: Array<string> = []
      await runFormat(Effect.gen(function* () {
        const store = yield* storeOf(objects)
        for (const pack of packs.slice(0, count).flat()) yield* put(store, pack, badBlocks(objects.get(pack)!))
        const get: ObjectStore["get"] = (name, part) => {
          if (name.endsWith(".map")) read.push(name)
          return store.get(name, part)
        }
        const repository = yield* openIn({ ...store, get })
        yield* factsOf(repository.entries((yield* repository.snapshots)[0]!))
      }))
      assert.equal(read.length, reads * WRITERS)
    })
  }

  it("stats counts what a pack with a damaged footer has lost in the next pack, once", () =>
    damaged(WRITERS - 1, damages["a footer with a flipped bit"]!, (repository) =>
      Effect.gen(function* () {
        const { bytesStored, bytesUnique, lost } = yield* storedSize(repository, yield* repository.snapshots)
        assert.equal(lost, 0)
        // All but the text is noise.
        assert.ok(bytesStored > bytesUnique * 0.9 && bytesStored < bytesUnique * 1.1, `${bytesStored}`)
        return repository
      })))

  it("the same blocks are bad in all packs: the files are lost, and nobody is told of another pack", () =>
    damaged(WRITERS, badBlocks, (repository, packs, told) =>
      Effect.gen(function* () {
        const { findings } = yield* repository.check({ readData: 100 })
        const lost = new Set(findings.flatMap(({ files }) => files.map(({ path }) => path)))
        assert.ok(lost.size > 0)
        for (const { object, message } of findings) {
          assert.ok(packs.includes(object))
          assert.doesNotMatch(message, /nothing is lost/)
        }
        for (const snapshot of yield* repository.snapshots) {
          const facts = yield* factsOf(repository.entries(snapshot))
          assert.deepEqual(new Set([...facts].filter(([, { damage }]) => damage).map(([path]) => path)), lost)
        }
        assert.deepEqual([...told], [])
        return repository
      })))
})
