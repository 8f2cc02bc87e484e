/**
 * Faults of the store, as a part of the contract of {@link Format}: the n-th operation fails or lies, for n = 1, 2, 3 …
 * until a run has no more operations. In all cases errors are typed, what was there stays whole, and the next run
 * completes.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { isDeepStrictEqual } from "node:util"
import { Effect, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { fault, type FaultOptions } from "../../../adapters/store/fault/fault.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { Finding, Repository, SnapshotInfo } from "../../../formats/repository.ts"
import type { FormatError } from "../../../formats/error.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { contentStream } from "../../../stages/walk/content.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { skipIf } from "../../skip.ts"
import { factsOf, kept, sorted } from "./facts.ts"
import { noise } from "../noise.ts"
import { runFormat } from "./environment.ts"
import { type Objects, objectsOf, storeOf } from "./objects.ts"
import { createIn, openIn, options, reachIn, type Subject } from "./subject.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const before: MemoryTree = {
  "a": { ...metadata, content: noise(6000, 1) },
  "d/b": { ...metadata, content: noise(900, 2) },
}
const after: MemoryTree = {
  ...before,
  "d/b": { mode: 0o600, mtime: metadata.mtime + 1_000_000_000n, content: noise(901, 3) },
  "d/c": { ...metadata, content: noise(9000, 4) },
  "e": { ...metadata, content: "e" },
}
const walk = (tree: MemoryTree): Stream.Stream<Entry> => memorySource(tree).entries("", {}) as Stream.Stream<Entry>

type Running<A> = Effect.Effect<A, unknown, SqliteEngine | Scope.Scope>

/** Whether a run succeeded. It may fail with a typed error. */
const succeeds = <A, R>(run: Effect.Effect<A, FormatError, R>): Effect.Effect<boolean, never, R> =>
  Effect.match(run, {
    onSuccess: () => true,
    onFailure: (error) => {
      assert.match(error._tag, /^(StoreError|RepositoryError)$/)
      assert.ok(error.message.length > 10, error.message)
      return false
    },
  })

/** The tests of one format. */
export const formatFaults = (subject: Subject): void => {
  const open = (store: ObjectStore) => openIn(subject, store)
  const factsKept = <E, R>(entries: Stream.Stream<Entry, E, R>) =>
    Effect.map(factsOf(entries), (facts) => sorted(kept(facts, subject.format.fidelity, subject)))
  const right = Effect.runPromise(Effect.forEach([before, after], (tree) => factsKept(walk(tree))))

  /** A repository with one snapshot, made once. */
  let made: Promise<Objects> | undefined
  const base = () =>
    Effect.promise(() =>
      made ??= runFormat(Effect.gen(function* () {
        const store = yield* memoryStore.make()
        yield* (yield* createIn(subject, store)).backup(walk(before), options)
        return yield* objectsOf(store)
      }))
    )

  /** Fails the test when a check finds anything. */
  const clean = (repository: Repository) =>
    Effect.map(repository.check({ readData: 100 }), ({ findings }) => assert.deepEqual(findings, []))
  /** The same, except for a run that was stopped just before it made its snapshot. */
  const stopped = (repository: Repository) =>
    Effect.map(
      repository.check({ readData: 100 }),
      ({ findings }) => assert.deepEqual(findings.filter((one) => !isOfStoppedRun(one)), []),
    )

  /** Which of the two trees a snapshot holds. */
  const treeOf = (repository: Repository, snapshot: SnapshotInfo) =>
    Effect.gen(function* () {
      const facts = yield* factsKept(repository.entries(snapshot))
      const trees = yield* Effect.promise(() => right)
      if (isDeepStrictEqual(facts, trees[0])) return "before"
      assert.deepEqual(facts, trees[1], "a snapshot holds one of the two trees")
      return "after"
    })

  /** What each snapshot holds. The first must be there still. */
  const trees = (repository: Repository) =>
    Effect.gen(function* () {
      const snapshots = yield* repository.snapshots
      const all = yield* Effect.forEach(snapshots, (snapshot) => treeOf(repository, snapshot))
      if (subject.snapshots === true) assert.equal(all[0], "before", "the first snapshot is there still")
      return all
    })

  /**
   * Fails the test unless the next run completes, and everything that snapshots need is right before and after it.
   * Gives what the snapshots held before it.
   */
  const sound = (store: ObjectStore): Running<ReadonlyArray<string>> =>
    Effect.gen(function* () {
      if (isDeepStrictEqual(yield* objectsOf(store), yield* base())) return ["before"]
      const repository = yield* open(store)
      yield* stopped(repository)
      const left = yield* trees(repository)
      yield* repository.backup(walk(after), options)
      assert.equal((yield* trees(repository)).at(-1), "after")
      yield* stopped(repository)
      return left
    })

  /**
   * Runs on a fresh copy of some objects, with one fault after another, and looks at what is left. Gives the number of
   * operations.
   */
  const each = (
    options: Omit<FaultOptions, "nth">,
    from: Effect.Effect<Objects>,
    run: (store: ObjectStore) => Effect.Effect<unknown, FormatError, SqliteEngine | Scope.Scope>,
    look: (store: ObjectStore, ok: boolean, nth: number) => Running<unknown>,
  ): Promise<number> =>
    runFormat(Effect.gen(function* () {
      const objects = yield* from
      for (let nth = 1;; nth++) {
        const store = yield* storeOf(objects)
        const faulty = fault(store, { ...options, nth })
        const ok = yield* Effect.scoped(succeeds(run(faulty)))
        if (!faulty.hit()) {
          assert.ok(ok, "a run without a fault succeeds")
          return nth - 1
        }
        yield* Effect.scoped(look(store, ok, nth)).pipe(
          Effect.catchDefect((defect) => Effect.die(told(defect, `operation ${nth}, ${ok ? "succeeded" : "failed"}`))),
          Effect.mapError((error) => told(error, `operation ${nth}, ${ok ? "succeeded" : "failed"}`)),
        )
      }
    }))
  const backup = (store: ObjectStore) =>
    Effect.flatMap(open(store), (repository) => repository.backup(walk(after), options))

  describe(`${subject.name}: a store that fails once`, () => {
    const faults = [
      ["fail", { effect: "fail" }],
      ["fail, and ever after", { effect: "fail", onwards: true }],
      ["fail when it is done", { effect: "fail-after" }],
    ] as const

    for (const [name, options] of faults) {
      it(`${name}, during the creation of a repository: the next run completes it`, async () => {
        const none = Effect.succeed<Objects>(new Map())
        await each(options, none, (store) => createIn(subject, store), (store) =>
          Effect.gen(function* () {
            const repository = yield* reachIn(subject, store)
            yield* repository.backup(walk(after), { paths: ["/data"] })
            assert.equal(yield* treeOf(repository, (yield* repository.snapshots).at(-1)!), "after")
            yield* clean(yield* open(store))
          }))
      })

      it(`${name}, during a backup: nothing needs repair, and the next run completes`, async () => {
        const count = await each(options, base(), backup, (store, ok) =>
          Effect.map(sound(store), (left) => {
            if (ok) assert.equal(left.at(-1), "after", "the run reported success")
          }))
        assert.ok(count > 3, `only ${count} operations`)
      })
    }

    it("during a read and a check: the repository does not change", async () => {
      for (const effect of ["fail", "truncate", "flip"] as const) {
        await each({ effect, operation: ["get", "list", "stat"] }, base(), read, (store) =>
          Effect.gen(function* () {
            assert.deepEqual(yield* objectsOf(store), yield* base())
          }))
      }
    })

    it("during a rebuild: nothing is lost", async () => {
      for (const effect of ["fail", "fail-after"] as const) {
        const rebuild = (store: ObjectStore) => Effect.flatMap(open(store), (repository) => repository.rebuild)
        await each({ effect }, base(), rebuild, sound)
      }
    })

    const reads = [
      ["truncate", "too little", undefined],
      ["flip", "a wrong bit", subject.unverified],
    ] as const
    for (const [effect, what, unless] of reads) {
      it(...skipIf(unless, `during a backup, with reads that give ${what}: it fails, or is right`), async () => {
        await each({ effect, operation: "get" }, base(), backup, (store, ok) =>
          Effect.map(sound(store), (left) => {
            if (ok) assert.equal(left.at(-1), "after", "the run reported success")
          }))
      })
    }
  })

  describe(`${subject.name}: a store that lies`, () => {
    for (const effect of ["drop", "truncate", "flip"] as const) {
      it(`${effect}: everything that check does not blame is restored, and nothing wrong is given`, async () => {
        await each(
          { effect, operation: ["put", "append", "commit"] },
          base(),
          backup,
          (store) =>
            Effect.gen(function* () {
              if (!(yield* succeeds(open(store)))) return
              const repository = yield* open(store)
              const findings = yield* Effect.option(
                Effect.map(repository.check({ readData: 100 }), (all) => all.findings),
              )
              const blameless = findings._tag === "Some" && findings.value.length === 0
              if (!(yield* succeeds(repository.snapshots))) {
                return assert.ok(!blameless, "the snapshots cannot be listed")
              }
              for (const [i, snapshot] of (yield* repository.snapshots).entries()) {
                const { lost, missing } = yield* honest(repository, snapshot)
                assert.ok(!blameless || !missing, "entries are missing, and check has nothing on it")
                assert.ok(!blameless || lost.length === 0, `${lost} is lost, and check has nothing on it`)
                if (subject.snapshots === true && i === 0) {
                  assert.deepEqual({ lost, missing }, { lost: [], missing: false })
                }
              }
            }),
        )
      })
    }
  })

  /** Fails the test when an entry of a snapshot is in neither of the two trees and not said to be lost. */
  const honest = (repository: Repository, snapshot: SnapshotInfo) =>
    Effect.gen(function* () {
      if (!(yield* succeeds(Stream.runDrain(repository.entries(snapshot))))) return { lost: [], missing: true }
      const facts = yield* factsKept(repository.entries(snapshot))
      const trees = yield* Effect.promise(() => right)
      const lost: Array<string> = []
      for (const entry of facts as ReadonlyArray<readonly [string, { readonly damage?: string }]>) {
        if (entry[1].damage !== undefined) lost.push(entry[0])
        else {
          assert.ok(
            trees.some((tree) => tree.some((one) => isDeepStrictEqual(one, entry))),
            `"${entry[0]}" is given as it never was`,
          )
        }
      }
      return { lost, missing: !trees.some((tree) => tree.length === facts.length) }
    })

  /** Opens it, lists, reads and checks all. */
  const read = (store: ObjectStore) =>
    Effect.gen(function* () {
      const repository = yield* open(store)
      for (const snapshot of yield* repository.snapshots) {
        yield* Stream.runForEach(repository.entries(snapshot), (entry) =>
          Effect.catch(Stream.runDrain(contentStream(entry)), (error) =>
            Effect.sync(() =>
              assert.equal(error._tag, "SourceError")
            )))
      }
      yield* repository.check({ readData: 100 })
    })
}

/** Whether a finding is about a run that was stopped just before it made its snapshot: a rebuild completes it. */
export const isOfStoppedRun = ({ files, message }: Finding): boolean =>
  files.length === 0 && /: unless its backup is still running, "penstock rebuild"/.test(message)

/** The error, which says where it happened. */
const told = (error: unknown, where: string): unknown => {
  if (error instanceof Error) error.message = `${where}: ${error.message}`
  return error
}
