/**
 * Objects that cannot be read, as a part of the contract of {@link Format}: by a disk that fails, by this user, or
 * because the store answers something else. Each costs what it holds and nothing more, in every operation; nothing that
 * may be all there is removed. And nothing is called damaged that was only read wrongly once.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { convert, type Converted } from "../../../formats/convert.ts"
import { type Copied, copy } from "../../../formats/copy.ts"
import { type FormatError, isDamage } from "../../../formats/error.ts"
import type { Repository } from "../../../formats/repository.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { OnSecondRead } from "../../../stages/store/second_read.ts"
import { type ObjectStore, type Range, StoreError, type Whole } from "../../../stages/store/store.ts"
import { contentStream } from "../../../stages/walk/content.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { type Facts, factsOf, kept, sorted } from "./facts.ts"
import { noise } from "../noise.ts"
import { runFormat } from "./environment.ts"
import { createIn, openIn, options, type Subject } from "./subject.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
/** Files of several sizes, so that there is something in each kind of object. */
const before: MemoryTree = {
  "a": { ...metadata, content: noise(200_000, 1) },
  "b": { ...metadata, content: "small" },
  "d/c": { ...metadata, content: noise(70_000, 2) },
  "d/e/f": { ...metadata, content: noise(3000, 3) },
}
const after: MemoryTree = {
  ...before,
  "d/g": { ...metadata, content: noise(90_000, 4) },
  "h": { ...metadata, content: "h" },
}
const walk = (tree: MemoryTree): Stream.Stream<Entry> => memorySource(tree).entries("", {}) as Stream.Stream<Entry>

type Objects = ReadonlyMap<string, Uint8Array>

/** What is hit: an object, or a part of one. */
export interface Spot {
  readonly name: string
  readonly from: number
  readonly to: number
  /** Whether it is the end of the object. */
  readonly last?: boolean
}

/** What a read of a spot gives. */
export type Fault = "io" | "denied" | "garbage"

const overlaps = ({ from, name, to }: Spot, wanted: string, part: Range | Whole, size: number): boolean => {
  if (wanted !== name) return false
  if ("atMost" in part) return true
  const offset = part.offset < 0 ? size + part.offset : part.offset
  return offset < to && offset + part.length > from
}

/** A store with a spot that cannot be read while `broken` says so. */
const withSpot = (
  store: ObjectStore,
  objects: Objects,
  spot: Spot,
  fault: Fault,
  broken: () => boolean,
): ObjectStore => ({
  ...store,
  get: (name, part) => {
    const size = objects.get(name)?.length ?? 0
    if (!broken() || !objects.has(name) || !overlaps(spot, name, part, size)) return store.get(name, part)
    if (fault !== "garbage") {
      const message = `Cannot read "${name}": a fault was asked for`
      return Effect.fail(new StoreError({ reason: fault, object: name, message }))
    }
    return Effect.map(store.get(name, part), (bytes) => {
      const start = "atMost" in part ? 0 : part.offset < 0 ? size + part.offset : part.offset
      const to = Math.min(spot.to - start, bytes.length)
      for (let at = Math.max(0, spot.from - start); at < to; at++) bytes[at] = bytes[at]! ^ 0xa5
      return bytes
    })
  },
})

/** What is tried of a format, and what it can bear. */
export interface UnreadableTraits {
  /** Objects without which nothing opens: when they cannot be read, or when they are `garbage`. */
  readonly needed?: (name: string, fault: Fault, spot: Spot) => boolean
  /** Objects that are not read, or of which nothing tells that a bit of them is wrong. */
  readonly unverified?: (name: string) => boolean
}

/** The tests of one format. */
export const formatUnreadable = (
  subject: Subject,
  { needed = () => false, unverified }: UnreadableTraits = {},
): void => {
  const open = (store: ObjectStore) => openIn(subject, store)
  const factsKept = <E, R>(entries: Stream.Stream<Entry, E, R>) =>
    Effect.map(factsOf(entries), (facts) => sorted(kept(facts, subject.format.fidelity, subject)))
  const right = Effect.runPromise(Effect.forEach([before, after], (tree) => factsKept(walk(tree))))
  const wholeOf = (n: number) => Effect.promise(() => right.then((all) => new Map(all[n] as Array<[string, Facts]>)))

  const objectsOf = (store: ObjectStore): Effect.Effect<Objects, StoreError> =>
    Effect.gen(function* () {
      const objects = new Map<string, Uint8Array>()
      for (const { name, size } of yield* Stream.runCollect(store.list(""))) {
        objects.set(name, yield* store.get(name, { atMost: size }))
      }
      return new Map([...objects].sort(([a], [b]) => a < b ? -1 : 1))
    })
  const storeOf = (objects: Objects) =>
    Effect.gen(function* () {
      const store = yield* memoryStore.make()
      for (const [name, bytes] of objects) yield* store.put(name, [bytes])
      return store
    })

  let made: Promise<Objects> | undefined
  /** Two snapshots, or the second where there is one only. */
  const base = () =>
    Effect.promise(() =>
      made ??= runFormat(Effect.gen(function* () {
        const store = yield* memoryStore.make()
        const repository = yield* createIn(subject, store)
        yield* repository.backup(walk(before), { ...options, time: 1_000_000 })
        yield* repository.backup(walk(after), { ...options, time: 2_000_000 })
        return yield* objectsOf(store)
      }))
    )

  /** One object of each kind, by directory and extension; of a single file all of it, in pieces. */
  const spots = (objects: Objects): ReadonlyArray<Spot> => {
    if (subject.file !== undefined) {
      const size = objects.get(subject.file)!.length
      const pieces = 12
      return Array.from({ length: pieces }, (_, i) => ({
        name: subject.file!,
        from: Math.floor(size * i / pieces),
        to: Math.floor(size * (i + 1) / pieces),
        last: i === pieces - 1,
      }))
    }
    const found = new Map<string, Spot>()
    for (const [name, bytes] of objects) {
      const kind = `${name.split("/")[0]} ${/\.[a-z-]+$/.exec(name)?.[0] ?? ""}`
      // The last of each kind, which is another one in each format.
      found.set(kind, { name, from: 0, to: bytes.length })
      // Another one, too: the largest.
      const largest = found.get(`${kind} largest`)
      if (largest === undefined || largest.to < bytes.length) {
        found.set(`${kind} largest`, { name, from: 0, to: bytes.length })
      }
    }
    return [...new Map([...found.values()].map((spot) => [spot.name, spot])).values()]
  }

  /** Whatever a snapshot gives is right, or said to be lost. Gives how many files are lost. */
  const honest = (repository: Repository, copied = false) =>
    Effect.gen(function* () {
      let lost = 0
      for (const snapshot of yield* repository.snapshots) {
        const n =
          (yield* wholeOf(1)).size === snapshot.files || subject.snapshots !== true || snapshot.time === 2_000_000
            ? 1
            : 0
        const whole = yield* wholeOf(n)
        const problems: Array<string> = []
        const read = yield* Effect.result(
          factsKept(repository.entries(snapshot, { problem: ({ path }) => void problems.push(path) })),
        )
        if (read._tag === "Failure") {
          assert.ok(isDamage(read.failure as FormatError), String(read.failure))
          lost += whole.size
          continue
        }
        const facts = new Map(read.success as Array<[string, Facts]>)
        for (const [path, fact] of facts) {
          if (fact.damage !== undefined) lost++
          else assert.deepEqual(fact, whole.get(path), path)
        }
        assert.ok(copied || facts.size === whole.size || problems.length > 0, "what is not given is told")
        lost += whole.size - facts.size
      }
      return lost
    })

  const allRight = (repository: Repository) =>
    Effect.gen(function* () {
      const { findings } = yield* repository.check({ readData: 100 })
      assert.deepEqual(findings, [])
      const snapshots = yield* repository.snapshots
      assert.ok(snapshots.length >= (subject.snapshots === true ? 2 : 1), "a snapshot is gone")
      assert.equal(yield* honest(repository), 0)
    })

  const each = (
    fault: Fault,
    run: (faulty: ObjectStore, spot: Spot, good: ObjectStore, mend: () => void) => Effect.Effect<
      void,
      unknown,
      SqliteEngine | Scope.Scope
    >,
  ): Promise<void> =>
    runFormat(Effect.gen(function* () {
      const objects = yield* base()
      for (const spot of spots(objects)) {
        if (needed(spot.name, fault, spot)) continue
        const good = yield* storeOf(objects)
        let broken = true
        const faulty = withSpot(good, objects, spot, fault, () => broken)
        yield* Effect.scoped(run(faulty, spot, good, () => void (broken = false))).pipe(
          Effect.catchDefect((defect) => Effect.die(told(defect, spot))),
          Effect.mapError((error) => told(error, spot)),
        )
      }
    }))

  describe(`${subject.name}: an object that cannot be read`, () => {
    for (const fault of ["io", "denied", "garbage"] as const) {
      it(`${fault}: what it does not hold is restored, and check goes on and names it`, () =>
        each(fault, (faulty, spot) =>
          Effect.gen(function* () {
            const repository = yield* open(faulty)
            const lost = yield* honest(repository)
            const { findings } = yield* repository.check({ readData: 100 })
            if (lost > 0) assert.ok(findings.length > 0, `${lost} files are lost, and check has nothing on it`)
            const own = findings.filter(({ object }) => object.startsWith(spot.name))
            if (unverified?.(spot.name) === true) return
            if (fault === "garbage") assert.ok(findings.length > 0, `check does not name ${spot.name}`)
            else {
              assert.ok(
                findings.some(({ unreadable }) => unreadable),
                `check does not say that ${spot.name} is unreadable`,
              )
              assert.ok(own.length > 0 || subject.file !== undefined, `check does not name ${spot.name}`)
            }
          })))
    }

    for (const fault of ["io", "denied"] as const) {
      it(`${fault}: a rebuild removes nothing that may be all there`, () =>
        each(fault, (faulty, _spot, good, mend) =>
          Effect.gen(function* () {
            const repository = yield* open(faulty)
            // An archive that cannot be read whole cannot be written anew.
            const result = yield* Effect.result(repository.rebuild)
            if (subject.file === undefined && result._tag === "Failure") return yield* Effect.fail(result.failure)
            mend()
            const mended = yield* open(good)
            // Then it makes again what it could not before.
            yield* mended.rebuild
            yield* allRight(mended)
          })))

      it(`${fault}: the next backup completes, and is whole when all can be read again`, () =>
        each(fault, (faulty, _spot, good, mend) =>
          Effect.gen(function* () {
            const repository = yield* open(faulty)
            const result = yield* Effect.result(repository.backup(walk(after), { ...options, time: 2_000_000 }))
            if (result._tag === "Failure") {
              // What a backup takes over from the one before has to be read, where an archive is written anew.
              assert.ok(subject.file !== undefined || subject.name === "bkp", String(result.failure))
            }
            mend()
            yield* allRight(yield* open(good))
          })))

      it(`${fault}: convert and copy go on without what is lost`, () =>
        each(fault, (faulty) =>
          Effect.gen(function* () {
            const source = yield* open(faulty)
            for (const way of [convert, copy]) {
              const target = yield* createIn(subject, yield* memoryStore.make())
              const outcomes = yield* Stream.runCollect<Converted | Copied, FormatError, never>(way(source, target))
              assert.ok(outcomes.every(({ outcome }) => outcome !== "there"))
              yield* honest(target, true)
              for (const done of outcomes) {
                if (!("summary" in done)) continue
                const { length } = done.summary.problems
                assert.ok(length > 0 || done.summary.files === done.source.files || done.source.files === undefined)
              }
              assert.deepEqual((yield* target.check({ readData: 100 })).findings, [])
            }
          })))
    }
  })

  describe(`${subject.name}: what is read wrongly once`, () => {
    /** Flips one bit of what the n-th read of an object gives, counted from 0. */
    const flippingOnce = (store: ObjectStore, target: string, n: number): ObjectStore & { hit: () => boolean } => {
      let reads = 0
      return {
        ...store,
        hit: () => reads > n,
        get: (name, part) =>
          Effect.suspend(() => {
            if (name !== target || reads++ !== n) return store.get(name, part)
            return Effect.map(store.get(name, part), (bytes) => {
              if (bytes.length > 0) bytes[bytes.length >> 1]! ^= 4
              return bytes
            })
          }),
      }
    }
    const runs: ReadonlyArray<
      readonly [string, (repository: Repository) => Effect.Effect<unknown, FormatError, SqliteEngine | Scope.Scope>]
    > = [
      [
        "a check finds nothing",
        (repository) =>
          Effect.map(repository.check({ readData: 100 }), ({ findings }) => assert.deepEqual(findings, [])),
      ],
      ["a restore gives all", (repository) =>
        Effect.gen(function* () {
          for (const snapshot of yield* repository.snapshots) {
            yield* Stream.runForEach(repository.entries(snapshot), (entry) =>
              Effect.catch(
                Stream.runDrain(contentStream(entry)),
                ({ message }) => Effect.die(new Error(`${entry.path}: ${message}`)),
              ))
          }
        })],
      [
        "a rebuild has nothing to do",
        (repository) => Effect.map(repository.rebuild, ({ findings }) => assert.deepEqual(findings, [])),
      ],
    ]
    for (const [name, run] of runs) {
      it(name, () =>
        runFormat(Effect.gen(function* () {
          const objects = yield* base()
          const again: Array<string> = []
          for (const [object] of objects) {
            if (unverified?.(object) === true) continue
            // The first read of each object; of a single file, each.
            for (let n = 0; n === 0 || subject.file !== undefined; n++) {
              const store = flippingOnce(yield* storeOf(objects), object, n)
              yield* Effect.scoped(Effect.flatMap(open(store), run)).pipe(
                Effect.catchDefect((defect) => Effect.die(told(defect, { name: object, from: n, to: n }))),
                Effect.mapError((error) => told(error, { name: object, from: n, to: n })),
                Effect.provideService(OnSecondRead, (told) => void again.push(told)),
              )
              if (!store.hit()) break
            }
          }
          assert.ok(again.length > 0, "it is told what was read twice")
        })))
    }
  })
}

/** The error with where it happened. */
const told = (error: unknown, { from, name, to }: Spot): unknown => {
  const where = `${name} from ${from} to ${to}`
  if (error instanceof Error) error.message = `${where}: ${error.message}`
  return error
}
