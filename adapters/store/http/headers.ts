/** Header fields of HTTP answers that more than one store reads. */

/** The length of the body in bytes (`Content-Length`); undefined if it is missing or not a number. */
export const contentLength = (headers: Headers): number | undefined => {
  const value = headers.get("content-length")
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** The part of an object that an answer with status 206 holds. */
export interface ContentRange {
  /** Offset of the first byte. */
  readonly first: number
  /** Offset of the last byte. */
  readonly last: number
  /** Bytes of the whole object. */
  readonly size: number
}

/** `Content-Range: bytes FIRST-LAST/SIZE`; undefined if it is anything else. */
export const contentRange = (headers: Headers): ContentRange | undefined => {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers.get("content-range") ?? "")
  return match === null ? undefined : { first: Number(match[1]), last: Number(match[2]), size: Number(match[3]) }
}

/**
 * The time to wait that `Retry-After` asks for, in milliseconds. The header holds seconds or a date. Undefined if it is
 * missing or makes no sense.
 */
export const retryAfter = (headers: Headers, now: number): number | undefined => {
  const value = headers.get("retry-after")?.trim()
  if (value === undefined || value === "") return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const at = /[a-z]/i.test(value) ? Date.parse(value) : NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
