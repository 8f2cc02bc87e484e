/** Which snapshots a policy keeps, and why. It decides as restic 0.19.1 does, and gives its reasons word for word. */
import * as DateTime from "effect/DateTime"
import { before, localOffset, type OffsetAt, slotOf } from "./calendar.ts"
import { isEmptyPeriod, type Period, showPeriod } from "./period.ts"
import { CALENDAR_PARTS, type RetentionPolicy } from "./policy.ts"

/** What a policy looks at. */
export interface Retainable {
  /** Milliseconds since 1970. */
  readonly time: number
  /** Words that the user chose. */
  readonly tags: ReadonlyArray<string>
  /** How far the clock that made the snapshot was ahead of UTC, in minutes, where that was recorded. */
  readonly offset?: number
}

/** What decides beside the snapshots and the policy. */
export interface RetainOptions {
  /** The zone of hours, days and so on, but of snapshots with an offset of their own. By default the machine's. */
  readonly zone?: DateTime.TimeZone
  /** Milliseconds since 1970; now by default. Periods are counted from the newest snapshot before this time. */
  readonly now?: number
}

/** What a policy decides. Both lists have the newest snapshot first. */
export interface Retention<S> {
  /** What to keep, with at least one reason for each, such as `daily snapshot` or `within 7d`. */
  readonly kept: ReadonlyArray<{ readonly snapshot: S; readonly reasons: ReadonlyArray<string> }>
  /** What to remove. */
  readonly removed: ReadonlyArray<S>
}

/** Asked about each snapshot, the newest first. Gives a reason to keep it, if there is one. */
type Rule = (snapshot: Placed) => string | undefined

/** A snapshot in the list. */
interface Placed {
  readonly time: number
  readonly tags: ReadonlyArray<string>
  /** What a clock showed, as if it were UTC. */
  readonly clock: number
  /** 0 for the newest. */
  readonly place: number
  readonly isOldest: boolean
}

/**
 * Decides which snapshots of a list a policy keeps. A policy is meant for one series of backups: see `groupSnapshots`.
 * The snapshots may be in any order; of those with equal times, a later one counts as newer. A rule that counts hours,
 * days and so on also keeps the oldest snapshot of all while its count is not used up. An empty policy keeps nothing.
 *
 * @example Keep the last snapshot of each of two days
 * ```ts
 * import { DateTime } from "effect"
 * import { retain } from "@penstock/penstock"
 * import assert from "node:assert/strict"
 *
 * const times = ["2026-11-01T10:00Z", "2026-11-02T10:00Z", "2026-11-03T10:00Z", "2026-11-03T11:00Z"]
 * const snapshots = times.map((time, id) => ({ id, time: Date.parse(time), tags: [] }))
 * const { kept, removed } = retain(snapshots, { count: { daily: 2 } }, { zone: DateTime.zoneMakeOffset(0) })
 * assert.deepEqual(kept.map(({ snapshot, reasons }) => [snapshot.id, ...reasons]), [
 *   [3, "daily snapshot"],
 *   [1, "daily snapshot"],
 * ])
 * assert.deepEqual(removed.map(({ id }) => id), [2, 0])
 * ```
 */
export const retain = <S extends Retainable>(
  snapshots: ReadonlyArray<S>,
  policy: RetentionPolicy,
  { zone, now = Date.now() }: RetainOptions = {},
): Retention<S> => {
  const local: OffsetAt = zone === undefined
    ? localOffset
    : (time) => DateTime.zonedOffset(DateTime.makeZonedUnsafe(time, { timeZone: zone }))
  const offsetOf = ({ offset, time }: Retainable): number => offset === undefined ? local(time) : offset * 60_000
  const newestFirst = snapshots.toReversed().sort((a, b) => b.time - a.time)
  const rules = rulesOf(policy, startOf(newestFirst.find(({ time }) => time < now), offsetOf, local))
  const kept: Array<{ readonly snapshot: S; readonly reasons: ReadonlyArray<string> }> = []
  const removed: Array<S> = []
  for (const [place, snapshot] of newestFirst.entries()) {
    const { tags, time } = snapshot
    const placed = { time, tags, clock: time + offsetOf(snapshot), place, isOldest: place === newestFirst.length - 1 }
    const reasons = rules.map((rule) => rule(placed)).filter((reason) => reason !== undefined)
    if (reasons.length > 0) kept.push({ snapshot, reasons })
    else removed.push(snapshot)
  }
  return { kept, removed }
}

/**
 * When a period begins that ends with the newest snapshot: a snapshot is within it when its time is greater. The
 * calendar is that of the local zone, with summer time, unless the snapshot was made at another offset. Without a
 * snapshot before now, every period has all snapshots.
 */
const startOf = (
  newest: Retainable | undefined,
  offsetOf: (snapshot: Retainable) => number,
  local: OffsetAt,
): (period: Period) => number => {
  if (newest === undefined) return () => Number.NEGATIVE_INFINITY
  const offset = offsetOf(newest)
  const offsetAt = offset === local(newest.time) ? local : () => offset
  return (period) => before(newest.time, period, offsetAt)
}

/** The rules of a policy, in the order in which restic gives their reasons. */
const rulesOf = (
  { last = 0, count = {}, within, each = {}, tags = [] }: RetentionPolicy,
  startOf: (period: Period) => number,
): ReadonlyArray<Rule> => [
  ...tags.map((list): Rule => (snapshot) =>
    list.every((tag) => snapshot.tags.includes(tag)) ? `has tags [${list.join(", ")}]` : undefined
  ),
  ...(within === undefined || isEmptyPeriod(within)
    ? []
    : [everything(startOf(within), `within ${showPeriod(within)}`)]),
  onePerSlot(({ place }) => place, "last snapshot", last, Number.NEGATIVE_INFINITY),
  ...CALENDAR_PARTS.map((part) =>
    onePerSlot(({ clock }) => slotOf[part](clock), `${part} snapshot`, count[part] ?? 0, Number.NEGATIVE_INFINITY)
  ),
  ...CALENDAR_PARTS.flatMap((part) => {
    const period = each[part]
    if (period === undefined || isEmptyPeriod(period)) return []
    const reason = `${part} within ${showPeriod(period)}`
    return [onePerSlot(({ clock }) => slotOf[part](clock), reason, Number.POSITIVE_INFINITY, startOf(period))]
  }),
]

/** Keeps all snapshots after `start`. */
const everything = (start: number, reason: string): Rule => ({ time }) => time > start ? reason : undefined

/**
 * Keeps the newest snapshot of each slot, and the oldest of all, among those after `start`, until so many are kept.
 */
const onePerSlot = (slot: (snapshot: Placed) => number, reason: string, limit: number, start: number): Rule => {
  let left = limit
  let latest: number | undefined
  return (snapshot) => {
    if (left <= 0 || snapshot.time <= start) return undefined
    const own = slot(snapshot)
    const isRepeated = own === latest
    if (isRepeated && !snapshot.isOldest) return undefined
    latest = own
    left -= 1
    return isRepeated ? `oldest ${reason}` : reason
  }
}
