/**
 * A store that fails its n-th operation, for n = 1, 2, 3 … until a run has no more operations: nothing needs repair,
 * and the next run completes.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { fault, type FaultOptions } from "../../../adapters/store/fault/fault.ts"
import type { FormatError } from "../../../formats/error.ts"
import type { Repository } from "../../../formats/repository.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { type Facts, factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { kindOf, options, secrets, small } from "./harness.ts"
import { type Objects, objectsOf, storeOf } from "../../suites/format/objects.ts"
import { isOfStoppedRun } from "../../suites/format/faults.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const before: MemoryTree = {
  "a": { ...metadata, content: noise(60_000, 1) },
  "d/b": { ...metadata, content: noise(30_000, 2) },
}
const after: MemoryTree = {
  ...before,
  "d/b": { ...metadata, content: noise(30_001, 3) },
  "d/c": { ...metadata, content: noise(120_000, 4) },
}
const walk = (tree: MemoryTree): Stream.Stream<Entry> => memorySource(tree).entries("", {}) as Stream.Stream<Entry>
const right: Promise<ReadonlyArray<Map<string, Facts>>> = Effect.runPromise(
  Effect.forEach([before, after], (tree) => factsOf(walk(tree))),
)

const opened = (store: ObjectStore) => Effect.provideService(small.open(secrets), ObjectStore, store)
const backup = (repository: Repository, tree: MemoryTree) => repository.backup(walk(tree), options)

/** A repository with one snapshot. */
const base: Promise<Objects> = runFormat(Effect.gen(function* () {
  const store = yield* storeOf(new Map())
  yield* backup(yield* Effect.provideService(small.create(secrets), ObjectStore, store), before)
  return yield* objectsOf(store)
}))

/** Every snapshot holds one of the two trees, whole. Returns how many there are. */
const allRight = (repository: Repository) =>
  Effect.gen(function* () {
    const trees = yield* Effect.promise(() => right)
    const snapshots = yield* repository.snapshots
    for (const [i, snapshot] of snapshots.entries()) {
      assert.deepEqual(yield* factsOf(repository.entries(snapshot)), trees[i === 0 ? 0 : 1])
    }
    return snapshots.length
  })

const findings = (repository: Repository) => Effect.map(repository.check({ readData: 100 }), ({ findings }) => findings)

/** Backs up with one fault after the other. `look` sees what is left, and whether the run said that it succeeded. */
const each = (
  options: Omit<FaultOptions, "nth">,
  look: (
    store: ObjectStore,
    ended: { readonly ok: boolean; readonly operation: string; readonly name: string },
  ) => Effect.Effect<void, unknown, SqliteEngine | Scope.Scope>,
): Promise<number> =>
  runFormat(Effect.gen(function* () {
    const objects = yield* Effect.promise(() => base)
    for (let n = 1;; n++) {
      const store = yield* storeOf(objects)
      const faulty = fault(store, { ...options, nth: n })
      const ok = yield* Effect.flatMap(opened(faulty), (repository) => backup(repository, after)).pipe(
        Effect.as(true),
        Effect.catch((error: FormatError) => {
          assert.match(error._tag, /^(StoreError|RepositoryError)$/)
          return Effect.succeed(false)
        }),
      )
      const hit = faulty.hit()
      if (hit === undefined) {
        assert.ok(ok, "a run without a fault succeeds")
        return n - 1
      }
      yield* look(store, { ok, ...hit })
    }
  }))

/** Nothing to repair, and the next run completes. */
const sound = (store: ObjectStore) =>
  Effect.gen(function* () {
    const repository = yield* opened(store)
    assert.deepEqual((yield* findings(repository)).filter((one) => !isOfStoppedRun(one)), [])
    const left = yield* allRight(repository)
    yield* backup(repository, after)
    assert.equal(yield* allRight(repository), left + 1)
    assert.deepEqual((yield* findings(repository)).filter((one) => !isOfStoppedRun(one)), [])
    return left
  })

describe("a store that fails once", () => {
  for (const effect of ["fail", "fail-after"] as const) {
    for (const onwards of [false, true]) {
      it(`${effect}${onwards ? ", and all later ones" : ""}: no repair, and the next run completes`, async () => {
        const count = await each({ effect, onwards }, (store, { name, ok, operation }) =>
          Effect.gen(function* () {
            // What is read in INDEX can be done without: then files are read or chunks stored again. So can what says
            // that this is a repository, and what its epoch is: an owner's grant tells that, too.
            if (!(/^(INDEX\/|ROZEN\.json$|.*\.epoch\.json$)/.test(name)) || operation !== "get") {
              assert.ok(!ok, `${operation} ${name} failed, and the backup did not`)
            }
            const left = yield* sound(store)
            assert.equal(left, ok || (effect === "fail-after" && name.endsWith(".idx") && operation === "put") ? 2 : 1)
          }))
        assert.ok(count > 10, `only ${count} operations`)
      })
    }
  }

  it("reads that give too little or a wrong byte: the run fails, or is right", async () => {
    for (const effect of ["truncate", "flip"] as const) {
      await each({ effect, operation: "get" }, (store, { ok }) =>
        Effect.gen(function* () {
          const repository = yield* opened(store)
          assert.deepEqual(yield* findings(repository), [])
          assert.equal(yield* allRight(repository), ok ? 2 : 1)
          yield* sound(store)
        }))
    }
  })
})

describe("a store that lies", () => {
  for (const effect of ["drop", "truncate", "flip"] as const) {
    it(`${effect}: check finds needed objects that are missing, and everything else is restored`, async () => {
      let found = 0
      await each({ effect, operation: "put" }, (store, { name, ok }) =>
        Effect.gen(function* () {
          const repository = yield* opened(store)
          const named = yield* findings(repository)
          // Without its index a pack is adopted.
          const needed = effect !== "drop" || !["map", "catmap", "idx"].includes(kindOf(name))
          if (!needed && kindOf(name) === "idx") assert.deepEqual(named.map(isOfStoppedRun), [true])
          else if (needed) {
            assert.ok(ok, "it was lied to")
            assert.ok(named.length > 0, `check has nothing on ${name}`)
            if (effect !== "drop" || kindOf(name) !== "cat") {
              assert.ok(named.some(({ object }) => object === name), `check does not name ${name}`)
            }
            found++
          } else assert.deepEqual(named, [])
          const trees = yield* Effect.promise(() => right)
          for (const [i, snapshot] of (yield* repository.snapshots).entries()) {
            const facts = yield* Effect.option(factsOf(repository.entries(snapshot)))
            if (facts._tag === "None") {
              assert.equal(i, 1, "the first snapshot is whole")
              continue
            }
            for (const [path, fact] of facts.value) {
              if (fact.damage === undefined) assert.deepEqual(fact, trees[i]!.get(path), path)
            }
          }
          // A rebuild mends all but content, and the next run brings that.
          yield* repository.rebuild
          const { snapshot } = yield* backup(repository, after)
          const last = yield* factsOf(repository.entries(snapshot!))
          const lost = [...last.values()].filter(({ damage }) => damage !== undefined)
          // A wrong bit within a block is seen by a check that reads all, not by a rebuild.
          if (effect !== "flip" || kindOf(name) !== "roz") assert.deepEqual(lost, [])
        }))
      assert.ok(found >= 4, `${found} lies found`)
    })
  }
})
