import assert from "node:assert/strict"
import { test } from "node:test"
import type { Output } from "../../../cli/output/output.ts"
import { printProblemIn } from "../../../cli/output/problems.ts"
import type { Row } from "../../../cli/output/row.ts"
import { ofGroup } from "../../../cli/output/snapshot_group.ts"

test("a snapshot that cannot be listed to its end is not called a problem with a path", () => {
  const id = "0123456789abcdef"
  const warned: Array<string> = []
  const rows: Array<Row> = []
  const out = { warn: (text: string) => warned.push(text), row: (row: Row) => rows.push(row) } as unknown as Output
  printProblemIn({ id }, { path: "", message: "Its catalog is damaged" }, out)
  printProblemIn({ id }, { path: "a/\u001b", message: "No size" }, out)
  assert.deepEqual(warned, [
    "Not all files of snapshot 01234567 can be listed. Its catalog is damaged",
    "Problem with a/\\x1b in snapshot 01234567: No size",
  ])
  assert.deepEqual(rows[0], { type: "problem", path: "", message: "Its catalog is damaged", snapshot: id })
})

test("a group of snapshots without a host says so", () => {
  assert.equal(ofGroup({ host: "" }), " of no host")
  assert.equal(ofGroup({ host: "web", paths: [] }), " of host web")
})
