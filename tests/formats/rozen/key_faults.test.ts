/** A key is replaced in a store that fails at each of its operations: the repository can be opened in any case. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Redacted } from "effect"
import { fault } from "../../../adapters/store/fault/fault.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { objectsOf, storeOf } from "../../suites/format/objects.ts"
import { secrets, small } from "./harness.ts"

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
