/**
 * Objects that cannot be read, as a part of the contract of {@link Format}: because a disk fails, this user may not, or
 * the store answers something else. In every operation only the content of that object is lost, and nothing is removed
 * that may be whole.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { convert, type Converted } from "../../../formats/convert.ts"
import { type Copied, copy } from "../../../formats/copy.ts"
import { type FormatError, isDamage } from "../../../formats/error.ts"
import type { Repository } from "../../../formats/repository.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { type Facts, factsOf, kept, sorted } from "./facts.ts"
import { runFormat } from "./environment.ts"
import { createIn, openIn, options, type Subject } from "./subject.ts"
import { storeOf } from "./objects.ts"
import { readWronglyOnce } from "./read_wrongly.ts"
import { type Fault, type Spot, spotsOf, told, withSpot } from "./spot.ts"
import { after, before, twoSnapshots, walk } from "./two_snapshots.ts"

/** What a format cannot do without. */
export interface UnreadableTraits {
  /** Whether nothing opens when this object cannot be read, or is `garbage`. */
  readonly needed?: (name: string, fault: Fault, spot: Spot) => boolean
  /** Whether an object is never read, or nothing tells that a bit of it is wrong. */
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

  const base = twoSnapshots(subject)

  /**
   * Fails the test when a snapshot gives anything wrong that is not said to be lost. Gives the number of lost files.
   */
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
        assert.ok(copied || facts.size === whole.size || problems.length > 0, "what is not given is not reported")
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
      const objects = yield* Effect.promise(() => base)
      for (const spot of spotsOf(subject, objects)) {
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
      it(`${fault}: everything else is restored, and check goes on and names it`, () =>
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
      it(`${fault}: a rebuild removes nothing that may be whole`, () =>
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

      it(`${fault}: the next backup completes, and its snapshot is whole when everything can be read again`, () =>
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

      it(`${fault}: convert and copy leave out what is lost, and go on`, () =>
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

  readWronglyOnce(subject, base, unverified)
}
