// On one runtime: what is tested is portable.
/**
 * Keys are changed and rotated in a store that fails at each of its operations: whoever may open the repository can do
 * it in any case, and the next try ends what was begun.
 */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { fault } from "../../../adapters/store/fault/fault.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { objectsOf, storeOf } from "../../suites/format/objects.ts"
import { options, secrets, small } from "./harness.ts"

const changed = { password: Redacted.make("another") }

for (const effect of ["fail", "fail-after"] as const) {
  for (const onwards of [false, true]) {
    test(`${effect}${onwards ? ", and all later ones" : ""}: the old or the new key opens, or both`, () =>
      runFormat(Effect.gen(function* () {
        const first = yield* memoryStore.make()
        yield* Effect.provideService(small.create(secrets), ObjectStore, first)
        const objects = yield* objectsOf(first)
        const left = new Set<string>()
        for (let n = 1;; n++) {
          const store = yield* storeOf(objects)
          const opens = (given: typeof secrets) =>
            Effect.provideService(small.open(given), ObjectStore, store).pipe(
              Effect.as(true),
              Effect.catch(() => Effect.succeed(false)),
            )
          const { id } = yield* Effect.provideService(small.open(secrets), ObjectStore, store)
          const faulty = fault(store, { effect, onwards, nth: n })
          const ok = yield* Effect.provideService(small.open(secrets), ObjectStore, faulty).pipe(
            Effect.flatMap(({ keys }) => keys!.replace(changed)),
            Effect.as(true),
            Effect.catch(() => Effect.succeed(false)),
          )
          const [old, next] = [yield* opens(secrets), yield* opens(changed)]
          assert.ok(old || next, `operation ${n} failed, and nothing opens the repository ${id}`)
          if (ok) assert.deepEqual([old, next], [false, true])
          left.add(`${old ? "old" : ""}${next ? "new" : ""}`)
          if (faulty.hit()) continue
          assert.ok(ok)
          break
        }
        assert.ok(left.has("old") && left.has("oldnew") && left.has("new"), [...left].join(", "))
      })))
  }
}

/** Whether each of these secrets opens the repository, and what was stored in each epoch. */
const opensAll = (store: ObjectStore, all: ReadonlyArray<Secrets>, snapshots: number) =>
  Effect.forEach(
    all,
    Effect.fnUntraced(function* (given) {
      const repository = yield* Effect.provideService(small.open(given), ObjectStore, store)
      assert.equal((yield* repository.snapshots).length, snapshots)
      return repository.epoch
    }),
  )

const reader = { password: Redacted.make("reader") }
const added = { password: Redacted.make("added") }

for (const [effect, onwards] of [["fail", true], ["fail-after", false]] as const) {
  test(`${effect}${onwards ? ", and all later ones" : ""}: a rotation that is interrupted locks nobody out`, () =>
    runFormat(Effect.gen(function* () {
      const first = yield* memoryStore.make()
      const made = yield* Effect.provideService(small.create(secrets), ObjectStore, first)
      yield* made.keys!.add(reader, { role: "reader" })
      const gone = yield* made.keys!.add(added, { role: "reader" })
      yield* made.keys!.remove(gone.id)
      yield* made.backup(Stream.empty, options)
      const objects = yield* objectsOf(first)
      const epochs = new Set<number | undefined>()
      for (let n = 1;; n++) {
        const store = yield* storeOf(objects)
        const faulty = fault(store, { effect, onwards, nth: n })
        const ok = yield* Effect.provideService(small.open(secrets), ObjectStore, faulty).pipe(
          Effect.flatMap(({ keys }) => keys!.rotate),
          Effect.as(true),
          Effect.catch(() => Effect.succeed(false)),
        )
        const [epoch, same] = yield* opensAll(store, [secrets, reader], 1)
        assert.equal(epoch, same, `operation ${n}`)
        if (ok) assert.equal(epoch, 2)
        epochs.add(epoch)
        if (faulty.hit() && n % 3 !== 0) continue
        if (faulty.hit()) {
          const { keys } = yield* Effect.provideService(small.open(secrets), ObjectStore, store)
          assert.equal((yield* keys!.rotate).epoch, epoch! + 1)
          assert.deepEqual(yield* opensAll(store, [secrets, reader], 1), [epoch! + 1, epoch! + 1])
          const { damaged, keys: left } = yield* keys!.list
          assert.deepEqual([damaged, left.length], [[], 3])
          const names = [...(yield* objectsOf(store)).keys()].filter((name) => name.startsWith("KEYS/"))
          // Two locks, two grants, an end, and the epochs; a lock may be left of one that was stopped.
          assert.ok(names.length - 5 - epoch! - 1 <= 1, names.join(" "))
          continue
        }
        assert.ok(ok)
        break
      }
      assert.deepEqual([...epochs].sort(), [1, 2])
    })))
}

test("of two rotations at the same time one wins, and the other says so", () =>
  runFormat(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    yield* Effect.provideService(small.create(secrets), ObjectStore, store)
    const open = Effect.provideService(small.open(secrets), ObjectStore, store)
    const [one, two] = [yield* open, yield* open]
    yield* one.keys!.add(reader, { role: "reader" })
    const results = yield* Effect.all([Effect.result(one.keys!.rotate), Effect.result(two.keys!.rotate)], {
      concurrency: 2,
    })
    const failures = results.flatMap((result) => result._tag === "Failure" ? [result.failure.message] : [])
    assert.equal(failures.length, 1)
    assert.match(failures[0]!, /^Somebody (else )?has rotated the keys of the repository/)
    assert.deepEqual(yield* opensAll(store, [secrets, reader], 0), [2, 2])
    const { damaged, keys } = yield* (yield* open).keys!.list
    assert.deepEqual([damaged, keys.length], [[], 2])
    const late = yield* Effect.flip(two.keys!.add(added))
    assert.match(late.message, /^Somebody has rotated the keys .* since it was opened: open it again$/)
  })))
