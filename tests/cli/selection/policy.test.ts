/** How the options of `forget` become a policy. */
// On one runtime: plain functions.
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { groupingOf, policyOf } from "../../../cli/selection/policy.ts"

const none = {
  ...{ keepLast: undefined, keepHourly: undefined, keepDaily: undefined, keepWeekly: undefined },
  ...{ keepMonthly: undefined, keepYearly: undefined, keepWithin: undefined, keepWithinHourly: undefined },
  ...{ keepWithinDaily: undefined, keepWithinWeekly: undefined, keepWithinMonthly: undefined },
  ...{ keepWithinYearly: undefined, keepTag: [] },
}

test("each option becomes its own rule", () => {
  const zero = { years: 0, months: 0, days: 0, hours: 0 }
  assert.deepEqual(
    Effect.runSync(policyOf({
      ...{ keepLast: "1", keepHourly: "2", keepDaily: "3", keepWeekly: "4", keepMonthly: "5", keepYearly: "unlimited" },
      ...{ keepWithin: "6h", keepWithinHourly: "7h", keepWithinDaily: "8h", keepWithinWeekly: "9d" },
      ...{ keepWithinMonthly: "10m", keepWithinYearly: "11y", keepTag: ["a, b", "c"] },
    })),
    {
      last: 1,
      count: { hourly: 2, daily: 3, weekly: 4, monthly: 5, yearly: Infinity },
      within: { ...zero, hours: 6 },
      each: {
        hourly: { ...zero, hours: 7 },
        daily: { ...zero, hours: 8 },
        weekly: { ...zero, days: 9 },
        monthly: { ...zero, months: 10 },
        yearly: { ...zero, years: 11 },
      },
      tags: [["a", "b"], ["c"]],
    },
  )
})

test("a number, a duration or a fact that is none is refused by the name of its option", () => {
  const refused = [
    ...["-1", "1.5", "seven", "0x7", "1e3"].map((text) => policyOf({ ...none, keepDaily: text })),
    policyOf({ ...none, keepWithinYearly: "1w" }),
    policyOf({ ...none, keepTag: [","] }),
    groupingOf("host,user"),
  ].map((effect) => Effect.runSync(Effect.flip(effect as Effect.Effect<unknown, Error>)).message)
  for (const message of refused.slice(0, 5)) assert.match(message, /^--keep-daily ".*" is no number of snapshots/)
  assert.match(refused[5]!, /^--keep-within-yearly "1w" is no duration/)
  assert.match(refused[6]!, /^--keep-tag "," names no tag/)
  assert.match(refused[7]!, /^--group-by "host,user" names something else/)
})

test("groups are named as in restic", () => {
  assert.deepEqual(Effect.runSync(groupingOf("hosts,path, tag")), ["host", "paths", "tags"])
  assert.deepEqual(Effect.runSync(groupingOf("none")), [])
})
