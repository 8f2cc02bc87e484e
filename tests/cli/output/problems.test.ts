import assert from "node:assert/strict"
import { test } from "node:test"
import { describeProblemIn } from "../../../cli/output/problems.ts"
import { ofGroup } from "../../../cli/output/snapshot_group.ts"

test("a snapshot that cannot be listed to its end is not called a problem with a path", () => {
  const id = "0123456789abcdef"
  assert.equal(
    describeProblemIn(id, { path: "", message: "Its catalog is damaged" }),
    "Not all files of snapshot 01234567 can be listed. Its catalog is damaged",
  )
  assert.equal(
    describeProblemIn(id, { path: "a/\u001b", message: "No size" }),
    "Problem with a/\\x1b in snapshot 01234567: No size",
  )
})

test("a group of snapshots without a host says so", () => {
  assert.equal(ofGroup({ host: "" }), " of no host")
  assert.equal(ofGroup({ host: "web", paths: [] }), " of host web")
})
