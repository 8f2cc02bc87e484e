import assert from "node:assert/strict"
import { test } from "node:test"
import { isEmptyPeriod, parsePeriod, showPeriod } from "../../../formats/retention/period.ts"
import { isEmptyPolicy } from "../../../formats/retention/policy.ts"

test("a period is read in any order of its units and shown with the largest first", () => {
  assert.deepEqual(parsePeriod("2h1y"), { years: 1, months: 0, days: 0, hours: 2 })
  assert.equal(showPeriod(parsePeriod("2h7d5m1y")!), "1y5m7d2h")
  assert.ok(isEmptyPeriod(parsePeriod("0y0d")!))
})

test("a text that could mean another period than its author thinks is none", () => {
  for (const text of ["", "7", "d", "7D", "7w", "-7d", "1.5d", "1d2d", "7d ", "7 d", "1y5", "9999999999d"]) {
    assert.equal(parsePeriod(text), undefined, text)
  }
})

test("a policy of zeros is empty", () => {
  assert.ok(isEmptyPolicy({}))
  assert.ok(isEmptyPolicy({ last: 0, count: { daily: 0 }, within: parsePeriod("0d")!, each: {}, tags: [] }))
  assert.ok(!isEmptyPolicy({ tags: [["keep"]] }))
  assert.ok(!isEmptyPolicy({ each: { weekly: parsePeriod("1m")! } }))
})
