/** Only who has the key of a share can forget its snapshots. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { encodeEnvelope } from "../../../formats/fogsync/envelope.ts"
import { forgottenObject, rootObject } from "../../../formats/fogsync/layout.ts"
import { inShare, keysFrom, options, walk } from "./harness.ts"

test("a marker that was made without the key, or for another root, hides nothing and is found", () =>
  inShare((repository, store) =>
    Effect.gen(function* () {
      for (const content of ["1", "2", "3"]) yield* repository.backup(walk({ "a": { content } }), options)
      const [first, second, third] = (yield* repository.snapshots).map(({ id }) => id)
      yield* repository.forget!((yield* repository.snapshots).slice(0, 1))
      const genuine = yield* store.get(forgottenObject(first!), { atMost: 4096 })
      const text = new TextEncoder().encode(JSON.stringify({ version: 3, root: third! }))
      const foreign = encodeEnvelope(keysFrom(new Uint8Array(64)), text)

      yield* store.put(forgottenObject(second!), [genuine])
      yield* store.put(forgottenObject(third!), [foreign])
      assert.deepEqual((yield* repository.snapshots).map(({ id }) => id), [second, third])
      const findings = (yield* repository.check({ readData: 100 })).findings.map(({ object }) => object)
      assert.deepEqual(findings.sort(), [forgottenObject(second!), forgottenObject(third!)].sort())

      // A pointer that the storage lost comes back, in spite of such a marker.
      yield* store.remove(rootObject(second!))
      assert.deepEqual((yield* repository.rebuild).snapshots.map(({ id }) => id), [second])
      assert.deepEqual((yield* repository.snapshots).map(({ id }) => id), [second, third])
      // What is really forgotten gets a marker that counts.
      yield* repository.forget!(yield* repository.snapshots)
      assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
      assert.deepEqual(yield* repository.snapshots, [])
    })
  ))
