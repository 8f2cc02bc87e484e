/** Where a time falls in a calendar, and what lies a period before it. Times are milliseconds since 1970. */
import type { Period } from "./period.ts"
import type { CalendarPart } from "./policy.ts"

/** How far a zone is ahead of UTC at a time, in milliseconds. */
export type OffsetAt = (time: number) => number

/** The offset of this machine's zone. */
export const localOffset: OffsetAt = (time) => -new Date(time).getTimezoneOffset() * 60_000

const HOUR = 3_600_000
const DAY = 24 * HOUR

/**
 * The number of the hour, day and so on that a clock is in. Two times are in the same one when the numbers are equal.
 * `clock` is a time plus the offset of its zone. Weeks begin on Monday: day 0 of 1970 was a Thursday.
 */
export const slotOf: Readonly<Record<CalendarPart, (clock: number) => number>> = {
  hourly: (clock) => Math.floor(clock / HOUR),
  daily: (clock) => Math.floor(clock / DAY),
  weekly: (clock) => Math.floor((Math.floor(clock / DAY) + 3) / 7),
  monthly: (clock) => new Date(clock).getUTCFullYear() * 12 + new Date(clock).getUTCMonth(),
  yearly: (clock) => new Date(clock).getUTCFullYear(),
}

/**
 * The time that lies a period before another: years, months and days by the calendar of the zone, then hours by the
 * clock. A day that its month does not have counts on into the next one: a month before 31 March is 3 March, or 2 March
 * in a leap year. `-Infinity` when it lies before all times.
 */
export const before = (time: number, { years, months, days, hours }: Period, offsetAt: OffsetAt): number => {
  const clock = new Date(time + offsetAt(time))
  clock.setUTCFullYear(clock.getUTCFullYear() - years, clock.getUTCMonth() - months, clock.getUTCDate() - days)
  const shown = clock.getTime()
  if (Number.isNaN(shown)) return Number.NEGATIVE_INFINITY
  // A clock that is put back shows an hour twice, and one that is put forward leaves one out. Like Go, whose calendar
  // restic uses: take the offset at the time that the clock would mean if the offset were that of this time in UTC.
  return shown - offsetAt(shown - offsetAt(shown)) - hours * HOUR
}
