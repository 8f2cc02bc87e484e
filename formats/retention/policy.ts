/** What to keep of a list of snapshots, as a user says it. */
import { isEmptyPeriod, type Period } from "./period.ts"

/** The parts of a calendar of which a policy keeps one snapshot each. */
export type CalendarPart = "hourly" | "daily" | "weekly" | "monthly" | "yearly"

/** The parts, the shortest first. */
export const CALENDAR_PARTS: ReadonlyArray<CalendarPart> = ["hourly", "daily", "weekly", "monthly", "yearly"]

/** A snapshot is kept when any of these rules keeps it. A number of 0 and an empty period are no rule. */
export interface RetentionPolicy {
  /** The newest snapshots, this many. `Infinity` keeps all. */
  readonly last?: number
  /** The newest snapshot of each of so many hours, days and so on that have snapshots. `Infinity` counts no end. */
  readonly count?: Partial<Readonly<Record<CalendarPart, number>>>
  /** All snapshots within this period before the newest one. */
  readonly within?: Period
  /** The newest snapshot of each hour, day and so on within this period before the newest one. */
  readonly each?: Partial<Readonly<Record<CalendarPart, Period>>>
  /** Snapshots that have all tags of any of these lists. */
  readonly tags?: ReadonlyArray<ReadonlyArray<string>>
}

/**
 * Whether a policy has no rule, so that it would keep nothing.
 *
 * @example Refuse a policy that would remove everything
 * ```ts
 * import { isEmptyPolicy } from "@penstock/penstock"
 * import assert from "node:assert/strict"
 *
 * assert.ok(isEmptyPolicy({ last: 0 }))
 * assert.ok(!isEmptyPolicy({ count: { daily: 7 } }))
 * ```
 */
export const isEmptyPolicy = ({ last = 0, count = {}, within, each = {}, tags = [] }: RetentionPolicy): boolean =>
  tags.length === 0 &&
  [last, ...Object.values(count)].every((number) => number === 0) &&
  [within, ...Object.values(each)].every((period) => period === undefined || isEmptyPeriod(period))
