/** What a forgotten snapshot of bkp, whose object stays, must have no part in any more. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { makeBkp } from "../../../formats/bkp/mod.ts"
import { inRepository, names, options, secrets, smallOptions, walk } from "./harness.ts"
import { factsOf } from "../../suites/format/facts.ts"

test("a run of a part carries over from the newest snapshot that was not forgotten", () =>
  inRepository((repository) =>
    Effect.gen(function* () {
      yield* repository.backup(walk({ "keep": { content: "1" }, "part/a": { content: "1" } }), options)
      yield* repository.backup(walk({ "bad": { content: "2" }, "part/a": { content: "2" } }), options)
      yield* repository.backup(walk({ "bad": { content: "3" } }), options)
      yield* repository.forget!((yield* repository.snapshots).slice(1))
      const part = yield* makeBkp({ ...smallOptions, part: "part" }).open(secrets)
      yield* part.backup(walk({ "a": { content: "4" } }), options)
      const snapshots = yield* repository.snapshots
      assert.equal(snapshots.length, 2)
      const facts = yield* factsOf(repository.entries(snapshots.at(-1)!))
      assert.deepEqual([...facts.keys()].sort(), ["", "keep", "part", "part/a"])
    })
  ))

test("a rebuild without any head or link does not bring it back", () =>
  inRepository((repository, store) =>
    Effect.gen(function* () {
      for (const time of [1_000_000, 2_000_000, 3_000_000]) {
        yield* repository.backup(walk({ "a": { content: String(time) } }), { ...options, time })
      }
      const [first, second, third] = yield* repository.snapshots
      yield* repository.forget!([second!])
      for (const name of [...yield* names(store, "heads/"), ...yield* names(store, "next/")]) {
        if (!name.endsWith(".forgotten")) yield* store.remove(name)
      }
      yield* repository.rebuild
      assert.deepEqual((yield* repository.snapshots).map(({ hostname, id }) => [hostname, id]), [
        ["recovered", first!.id],
        ["recovered", third!.id],
      ])
      assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
    })
  ))
