import assert from "node:assert/strict"
import { test } from "node:test"
import { snapshotRow } from "../../cli/snapshots.ts"

test("a snapshot without a time has none in its row", () => {
  const info = { id: "ab", hostname: "", username: "", paths: [], tags: [] }
  assert.ok(!("time" in snapshotRow({ ...info, time: 0 })))
  assert.equal(snapshotRow({ ...info, time: 1 })["time"], "1970-01-01T00:00:00.001Z")
})
