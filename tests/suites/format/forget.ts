/** Forgetting snapshots: they are gone for good, and all others stay whole, wherever the store fails. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect } from "effect"
import { fault } from "../../../adapters/store/fault/fault.ts"
import type { Repository } from "../../../formats/repository.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { skipIf } from "../../skip.ts"
import { noise } from "../noise.ts"
import { copyOf } from "./objects.ts"
import { clean, options, type Trial, walk, why } from "./trial.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }

/** Each has content that only it has, and content that it shares with those beside it. */
const trees: ReadonlyArray<MemoryTree> = [0, 1, 2].map((i) => ({
  "all": { ...metadata, content: noise(9000, 1) },
  [`only${i}`]: { ...metadata, content: noise(7000, 10 + i) },
  [`d/shared${i}`]: { ...metadata, content: noise(5000, 20 + i) },
  [`d/shared${i + 1}`]: { ...metadata, content: noise(5000, 21 + i) },
}))

/** The times of these snapshots. */
const timeOf = (place: number): number => 1_000_000 * (place + 1)

export const testForget = ({ format, holds, inStore, secrets, traits }: Trial): void => {
  const reason = why(traits.forget ?? "it cannot forget snapshots yet")

  const threeSnapshots = Effect.gen(function* () {
    const repository = yield* format.create(secrets)
    for (const [i, tree] of trees.entries()) {
      yield* repository.backup(walk(tree), { ...options, time: timeOf(i) })
    }
    return repository
  })

  /** Fails the test unless exactly these snapshots are there, each with its own tree, and nothing is wrong. */
  const hasOnly = Effect.fnUntraced(function* (repository: Repository, places: ReadonlyArray<number>) {
    const listed = yield* repository.snapshots
    assert.deepEqual(listed.map(({ time }) => time), places.map(timeOf))
    for (const [i, place] of places.entries()) yield* holds(repository, listed[i]!, trees[place]!)
    yield* clean(repository)
  })

  it("forgets snapshots if, and only if, it says so", () =>
    inStore(() =>
      Effect.map(format.create(secrets), (repository) => {
        assert.equal(repository.forget !== undefined, reason === false)
      })
    ))

  for (const forgotten of [[1], [0, 2], [0, 1, 2]]) {
    const name = `forgets ${forgotten.map((place) => `snapshot ${place + 1}`).join(" and ")} of 3 and nothing else`
    it(...skipIf(reason, name), () =>
      inStore(() =>
        Effect.gen(function* () {
          const first = yield* threeSnapshots
          const all = yield* first.snapshots
          yield* first.forget!(forgotten.map((place) => all[place]!))
          const left = [0, 1, 2].filter((place) => !forgotten.includes(place))
          yield* hasOnly(first, left)
          const repository = yield* format.open(secrets)
          yield* hasOnly(repository, left)

          // Nothing brings it back, and nothing of it is in the way of what comes later.
          assert.deepEqual((yield* repository.rebuild).findings, [])
          yield* hasOnly(repository, left)
          yield* repository.forget!(forgotten.map((place) => all[place]!))
          yield* hasOnly(repository, left)
          for (const place of forgotten) {
            yield* repository.backup(walk(trees[place]!), { ...options, time: timeOf(place) })
          }
          yield* clean(repository)
          assert.deepEqual((yield* repository.snapshots).length, 3)
          for (const snapshot of yield* repository.snapshots) {
            yield* holds(repository, snapshot, trees[snapshot.time / timeOf(0) - 1]!)
          }
        })
      ))
  }

  for (const effect of ["fail", "fail-after"] as const) {
    const name = `forgets no other snapshot when the store fails once (${effect}), and can be told again`
    it(...skipIf(reason, name), () =>
      inStore((original) =>
        Effect.gen(function* () {
          const made = Effect.flatMap(threeSnapshots, ({ snapshots }) => snapshots)
          const unwanted = (yield* Effect.scoped(made)).slice(0, 2)
          let failures = 0
          for (let nth = 1;; nth++) {
            const store = yield* copyOf(original)
            const faulty = fault(store, { effect, nth })
            const run = Effect.flatMap(format.open(secrets), (repository) => repository.forget!(unwanted))
            const { _tag } = yield* Effect.exit(Effect.scoped(Effect.provideService(run, ObjectStore, faulty)))
            if (!faulty.hit()) {
              assert.equal(_tag, "Success")
              return assert.ok(failures > 2, `only ${failures} failures`)
            }
            if (_tag === "Failure") failures += 1
            const look = Effect.gen(function* () {
              const repository = yield* format.open(secrets)
              const left = yield* repository.snapshots
              const places = left.map(({ time }) => time / timeOf(0) - 1)
              assert.equal(places.at(-1), 2, `operation ${nth}`)
              if (_tag === "Success") assert.deepEqual(places, [2], `operation ${nth}`)
              yield* hasOnly(repository, places)
              yield* repository.forget!(left.slice(0, -1))
              assert.deepEqual((yield* repository.snapshots).map(({ time }) => time), [timeOf(2)])
            })
            yield* Effect.scoped(Effect.provideService(look, ObjectStore, store))
          }
        })
      ))
  }
}
