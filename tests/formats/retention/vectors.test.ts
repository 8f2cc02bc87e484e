/** Retention decides as restic's own program does: what is kept, what is removed, and the reasons, word for word. */
import assert from "node:assert/strict"
import { test } from "node:test"
import * as DateTime from "effect/DateTime"
import { type GroupFact, groupSnapshots } from "../../../formats/retention/group.ts"
import { parsePeriod } from "../../../formats/retention/period.ts"
import { CALENDAR_PARTS, isEmptyPolicy, type RetentionPolicy } from "../../../formats/retention/policy.ts"
import { retain } from "../../../formats/retention/retain.ts"
import vectors from "../../vectors/retention.json" with { type: "json" }

interface Case {
  readonly history: number
  readonly zone: string
  readonly options: ReadonlyArray<string>
  readonly groups?: ReadonlyArray<{
    readonly keep?: ReadonlyArray<ReadonlyArray<number>>
    readonly remove?: ReadonlyArray<number>
  }>
  readonly error?: string
}

const histories = vectors.histories.map((history) =>
  history.map((fields, place) => {
    const [time, hostname, paths, tags] = fields as [string, string, ReadonlyArray<string>, ReadonlyArray<string>]
    const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(time) ?? [, "+", "0", "0"]
    const offset = Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes))
    return { place, time: Date.parse(time), offset, hostname, paths, tags }
  })
)

/** The values of an option, in order. */
const valuesOf = (options: ReadonlyArray<string>, name: string): ReadonlyArray<string> =>
  options.filter((_, i) => i % 2 === 1 && options[i - 1] === name)

const policyOf = (options: ReadonlyArray<string>): RetentionPolicy => {
  const number = (name: string): number => {
    const text = valuesOf(options, name).at(-1) ?? "0"
    return text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text)
  }
  const period = (name: string) => parsePeriod(valuesOf(options, name).at(-1) ?? "0h")!
  return {
    last: number("--keep-last"),
    count: Object.fromEntries(CALENDAR_PARTS.map((part) => [part, number(`--keep-${part}`)])),
    within: period("--keep-within"),
    each: Object.fromEntries(CALENDAR_PARTS.map((part) => [part, period(`--keep-within-${part}`)])),
    tags: valuesOf(options, "--keep-tag").map((list) => list.split(",").map((tag) => tag.trim())),
  }
}

const answerOf = ({ history, zone, options }: Case): unknown => {
  const policy = policyOf(options)
  if (isEmptyPolicy(policy)) return "no policy"
  const by = (valuesOf(options, "--group-by").at(-1) ?? "host,paths").split(",").filter((fact) => fact !== "")
  const local = DateTime.zoneMakeNamedUnsafe(zone)
  // Where the offset is that of the zone, it is left out, as formats do.
  const snapshots = histories[history]!.map(({ offset, ...snapshot }) => {
    const own = DateTime.zonedOffset(DateTime.makeZonedUnsafe(snapshot.time, { timeZone: local })) / 60_000
    return own === offset ? snapshot : { ...snapshot, offset }
  })
  const groups = groupSnapshots(snapshots, by as ReadonlyArray<GroupFact>).map(({ snapshots }) =>
    retain(snapshots, policy, { zone: local, now: Date.parse(vectors.judged) })
  )
  if (groups.some(({ kept }) => kept.length === 0)) return "keeps none of a group"
  return sorted(groups.map(({ kept, removed }) => ({
    keep: kept.map(({ snapshot, reasons }) => [snapshot.place, ...reasons]),
    remove: removed.map(({ place }) => place),
  })))
}

/** restic leaves the order of groups to chance. */
const sorted = (groups: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  groups.toSorted((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

const expectedOf = ({ error, groups = [] }: Case): unknown =>
  error?.includes("no policy was specified")
    ? "no policy"
    : error?.includes("refusing to delete last snapshot")
    ? "keeps none of a group"
    : error ?? sorted(groups.map(({ keep = [], remove = [] }) => ({
      keep: keep.map(([place, ...reasons]) => [place, ...reasons.map((reason) => vectors.reasons[reason])]),
      remove,
    })))

test("what is kept and why, in hundreds of cases, is what restic's own program says", () => {
  const cases: ReadonlyArray<Case> = vectors.cases
  assert.ok(cases.length > 300)
  for (const one of cases) {
    const asked = `history ${one.history} in ${one.zone}: forget ${one.options.join(" ")}`
    assert.deepEqual(answerOf(one), expectedOf(one), asked)
  }
})
