/** Times in catalogs: milliseconds since 1970. RFC 3339 text can be read too. */
import { clampTime } from "../../stages/catalog/tree/row.ts"

/** Nanoseconds in a millisecond. */
const MILLISECOND = 1_000_000n

/** Splits a time in nanoseconds into milliseconds, which fit into 64 bits, and the nanoseconds that are left. */
export const splitTime = (
  time: bigint,
): { readonly milliseconds: bigint; readonly rest: number } => {
  const rest = ((time % MILLISECOND) + MILLISECOND) % MILLISECOND
  return { milliseconds: clampTime((time - rest) / MILLISECOND), rest: Number(rest) }
}

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,30}))?([Zz]|[+-]\d\d:\d\d)$/

/**
 * The nanoseconds since 1970 of a stored time; undefined if it is not valid. `rest` are the nanoseconds that a number
 * of milliseconds leaves out.
 */
export const timeOf = (date: unknown, rest: number = 0): bigint | undefined => {
  if (typeof date === "bigint") return date * MILLISECOND + BigInt(rest)
  if (typeof date === "number") {
    return Number.isSafeInteger(date) ? BigInt(date) * MILLISECOND + BigInt(rest) : undefined
  }
  const found = typeof date === "string" ? RFC_3339.exec(date) : null
  if (found === null) return undefined
  const [, day, time, fraction = "", zone] = found
  const seconds = Date.parse(`${day}T${time}${zone!.toUpperCase()}`)
  if (Number.isNaN(seconds)) return undefined
  return BigInt(seconds) * MILLISECOND + BigInt(fraction.padEnd(9, "0").slice(0, 9))
}
