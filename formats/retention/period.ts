/** Periods of years, months, days and hours: `1y5m7d2h`. */

/** A period as a calendar counts it: a month has the days that it has. All are whole numbers from 0. */
export interface Period {
  /** Calendar years. */
  readonly years: number
  /** Calendar months. */
  readonly months: number
  /** Calendar days. */
  readonly days: number
  /** Hours. */
  readonly hours: number
}

const UNITS = { y: "years", m: "months", d: "days", h: "hours" } as const

/** Nine digits are more than any calendar needs. */
const FORM = /^(\d{1,9}[ymdh])+$/

/**
 * Reads a period as restic writes it, such as `7d`, `2m` or `1y5m7d2h`: numbers of years, months, days and hours, in
 * any order, each unit once. Gives undefined for any other text.
 *
 * @example Read a week and half a day
 * ```ts
 * import { parsePeriod } from "@penstock/penstock"
 * import assert from "node:assert/strict"
 *
 * assert.deepEqual(parsePeriod("7d12h"), { years: 0, months: 0, days: 7, hours: 12 })
 * assert.equal(parsePeriod("a week"), undefined)
 * ```
 */
export const parsePeriod = (text: string): Period | undefined => {
  if (!FORM.test(text)) return undefined
  const period = { years: 0, months: 0, days: 0, hours: 0 }
  const units = new Set<string>()
  for (const [, number, unit] of text.matchAll(/(\d+)([ymdh])/g)) {
    if (units.has(unit!)) return undefined
    units.add(unit!)
    period[UNITS[unit as keyof typeof UNITS]] = Number(number)
  }
  return period
}

/** A period as {@link parsePeriod} reads it, the largest unit first. `""` for an empty one. */
export const showPeriod = (period: Period): string =>
  Object.entries(UNITS).map(([unit, name]) => period[name] === 0 ? "" : `${period[name]}${unit}`).join("")

/** Whether a period has no length. A rule with such a period keeps nothing. */
export const isEmptyPeriod = (period: Period): boolean => Object.values(UNITS).every((name) => period[name] === 0)
