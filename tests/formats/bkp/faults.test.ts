/** A store that fails its n-th operation, for n = 1, 2, 3 …: what is left needs no repair, and the next run completes. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect } from "effect"
import { fault } from "../../../adapters/store/fault.ts"
import { memoryStore } from "../../../adapters/store/memory.ts"
import { ObjectStore } from "../../../stages/pack/store.ts"
import type { MemoryTree } from "../../../stages/walk/memory.ts"
import { factsOf, noise, runFormat } from "../../suites/format.ts"
import { options, secrets, small, walk } from "./harness.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const before: MemoryTree = {
  "a": { ...metadata, content: noise(20_000, 1) },
  "d/b": { ...metadata, content: noise(900, 2) },
}
const after: MemoryTree = {
  ...before,
  "d/c": { ...metadata, content: noise(30_000, 3) },
  "e": { ...metadata, content: "e" },
}

describe("a store that fails once under bkp", () => {
  for (const effect of ["fail", "fail-after"] as const) {
    for (const onwards of [false, true]) {
      it(`${effect}${onwards ? ", and from then on" : ""}`, () =>
        runFormat(Effect.gen(function* () {
          for (let nth = 1;; nth++) {
            const store = yield* memoryStore.make()
            const open = (through: ObjectStore) => Effect.provideService(small.open(secrets), ObjectStore, through)
            yield* Effect.flatMap(
              Effect.provideService(small.create(secrets), ObjectStore, store),
              (one) => one.backup(walk(before), options),
            )
            const faulty = fault(store, { effect, nth, onwards })
            const run = Effect.flatMap(open(faulty), (one) => one.backup(walk(after), options))
            const done = yield* Effect.match(run, {
              onSuccess: () => true,
              onFailure: (error) => {
                assert.match(error._tag, /^(StoreError|RepositoryError)$/)
                return false
              },
            })
            const one = yield* open(store)
            const clean = Effect.map(one.check({ readData: 100 }), ({ findings }) => assert.deepEqual(findings, []))
            yield* clean
            const left = yield* one.snapshots
            assert.ok(left.length === 2 || (left.length === 1 && !done), `${left.length} after operation ${nth}`)
            const last = yield* one.backup(walk(after), options)
            assert.equal(last.snapshot!.parent, left.at(-1)!.id)
            assert.deepEqual(yield* factsOf(one.entries(last.snapshot!)), yield* factsOf(walk(after)))
            yield* clean
            if (!faulty.hit()) {
              assert.ok(nth > 10, `${nth} operations`)
              return
            }
          }
        })))
    }
  }
})
