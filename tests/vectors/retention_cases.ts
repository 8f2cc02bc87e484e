/**
 * Prints the cases of `retention.json` without their answers: lists of snapshots, and options of `forget`. The same on
 * every run. restic's own program answers them: `retention_judge_test.go` says how.
 */
import { noise } from "../suites/noise.ts"

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Zones with summer time of an hour and of half an hour, and without; on both sides of Greenwich. */
const ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]

const bytes = new DataView(noise(1 << 20, 15).buffer)
let at = 0
const below = (limit: number): number => bytes.getUint32(at++ * 4) % limit
const chance = (percent: number): boolean => below(100) < percent
const pick = <A>(list: ReadonlyArray<A>): A => list[below(list.length)]!

/** Minutes east of UTC. */
const offsetIn = (zone: string, time: number): number => {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(time)
  const [, sign, hours, minutes] = /GMT([+-])(\d\d):(\d\d)/.exec(parts.find((p) => p.type === "timeZoneName")!.value) ??
    [, "+", "0", "0"]
  return Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes))
}

/** RFC 3339, as restic records it: with the offset of the zone at that time, and Z for none. */
const recorded = (time: number, offset: number): string => {
  if (offset === 0) return new Date(time).toISOString()
  const two = (n: number): string => String(n).padStart(2, "0")
  const [hours, minutes] = [Math.trunc(Math.abs(offset) / 60), Math.abs(offset) % 60]
  return new Date(time + offset * MINUTE).toISOString()
    .replace("Z", `${offset < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`)
}

/** Ways in which people make snapshots, and times that a calendar finds hard. Each gives times in milliseconds. */
const habits: ReadonlyArray<(count: number) => ReadonlyArray<number>> = [
  // Each night at the same second, over a change of the clocks, so that a duration ends exactly at a snapshot.
  (count) => {
    const first = Date.UTC(2026, pick([2, 9]), 10, 1, 30)
    return list(count, (i) => first + i * DAY)
  },
  (count) => list(count, (i) => Date.UTC(2025, 11, 1, 2) + i * DAY + below(3 * HOUR)),
  (count) => list(count, (i) => Date.UTC(2026, 9, 24, 20) + i * pick([20, 30, 60]) * MINUTE),
  (count) => list(count, () => Date.UTC(2024, 0, 1) + below(1000) * DAY + below(24) * HOUR),
  (count) => list(count, (i) => Date.UTC(2019, i * 2, 28 + below(5), below(24), below(60))),
  // Around the ends of years, weeks, months and days.
  (count) =>
    list(
      count,
      () => Date.UTC(pick([2020, 2021, 2024, 2025, 2026]), 0, 1 + pick([-3, 0, 3, 4])) + (below(9) - 4) * HOUR,
    ),
  (count) => list(count, () => Date.UTC(2026, below(10), 1) + pick([-1, 0, 1, -HOUR, HOUR, -DAY, -2 * DAY, 30 * DAY])),
  (count) => list(count, () => Date.UTC(2024, 1, 27 + below(4), below(24), 0, 0, below(1000))),
]

const list = (count: number, make: (i: number) => number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, i) => make(i))

/** restic leaves to chance in which order snapshots of one time come, so there are none. */
const history = (habit: (count: number) => ReadonlyArray<number>, zone: string): ReadonlyArray<unknown> => {
  const hosts = ["web", "mail", "büro"].slice(0, 1 + below(3))
  const paths = [["/etc", "/home"], ["/home", "/etc"], ["/srv"]].slice(0, 1 + below(3))
  const future = chance(20) ? list(1 + below(2), (i) => Date.UTC(2090, i, 1, 12)) : []
  const times = chance(5) ? future : [...habit(pick([1, 6, 12, 24])), ...future]
  return [...new Set(times)].map((time) => [
    recorded(time, offsetIn(chance(85) ? zone : pick(ZONES), time)),
    pick(hosts),
    pick(paths),
    ["db", "daily", "two words"].filter(() => chance(30)),
  ])
}

const KINDS = ["hourly", "daily", "weekly", "monthly", "yearly"]
const DURATIONS = ["1d", "7d", "14d", "1m", "1y", "25h", "3d12h", "2m3d", "1y5m7d2h", "2h1d", "0d", "31d", "9999y"]

const policy = (): ReadonlyArray<string> => {
  const options: Array<string> = []
  const count = (): string => chance(10) ? "unlimited" : String(pick([0, 1, 1, 2, 3, 5, 12]))
  if (chance(25)) options.push("--keep-last", count())
  for (const kind of KINDS) if (chance(25)) options.push(`--keep-${kind}`, count())
  if (chance(20)) options.push("--keep-within", pick(DURATIONS))
  for (const kind of KINDS) if (chance(12)) options.push(`--keep-within-${kind}`, pick(DURATIONS))
  while (chance(15)) options.push("--keep-tag", pick(["db", "daily", "db,daily", "two words , db", "none"]))
  if (chance(40)) options.push("--group-by", pick(["host", "paths", "tags", "host,tags", "host,paths,tags", ""]))
  return options
}

/** When clocks were put forward and back, in UTC. */
const CHANGES: ReadonlyArray<readonly [zone: string, time: number]> = [
  ["Europe/Berlin", Date.UTC(2026, 2, 29, 1)],
  ["Europe/Berlin", Date.UTC(2026, 9, 25, 1)],
  ["America/New_York", Date.UTC(2026, 2, 8, 7)],
  ["America/New_York", Date.UTC(2026, 10, 1, 6)],
  ["Australia/Lord_Howe", Date.UTC(2026, 3, 4, 15)],
  ["Australia/Lord_Howe", Date.UTC(2026, 9, 3, 15, 30)],
]

/** The newest snapshot lies some days after a change, others around the time that a duration of these days leads to. */
const edge = (zone: string, change: number, days: number, steps: ReadonlyArray<number>): ReadonlyArray<unknown> => {
  const newest = change + days * DAY + (below(13) - 6) * 30 * MINUTE
  const others = (steps.length === 2 ? [-60, 0, 60] : [-60, -30, 0, 30, 60]).flatMap((minutes) =>
    steps.map((step) => newest - days * DAY + minutes * MINUTE + step)
  )
  const maker = chance(70) ? zone : pick(ZONES)
  return [newest, ...others].map((time) => [recorded(time, offsetIn(maker, time)), "web", ["/srv"], []])
}

const histories: Array<ReadonlyArray<unknown>> = []
const cases: Array<unknown> = []
for (let i = 0; i < 40; i++) {
  const zone = ZONES[i % ZONES.length]!
  const made = history(habits[i % habits.length]!, zone)
  if (made.length === 0) continue
  for (let j = 0; j < 8; j++) {
    cases.push({ history: histories.length, zone: chance(80) ? zone : pick(ZONES), options: policy() })
  }
  histories.push(made)
}
for (let i = 0; i < 36; i++) {
  const [zone, change] = CHANGES[i % CHANGES.length]!
  const days = pick([1, 2, 7])
  // Of an hour the newest is kept, so the time itself must be the newest of its hour.
  const [option, steps] = pick([["--keep-within", [-1, 0, 1]], ["--keep-within-hourly", [-1, 0]]] as const)
  cases.push({ history: histories.length, zone, options: [option, `${days}d`] })
  histories.push(edge(zone, change, days, steps))
}
console.log(JSON.stringify({ histories, cases }))
