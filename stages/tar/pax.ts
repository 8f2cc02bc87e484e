/**
 * Extended headers: records with what does not fit a header. Source: POSIX.1-2017, pax, "pax Extended Header".
 *
 * Names that are not UTF-8 are in them byte by byte, as GNU tar writes them.
 */
import { concat } from "effect/Bytes"
import { pathFromBytes, pathToBytes } from "../walk/path.ts"
import { corrupt } from "./error.ts"

/** Key and value. Values are strings as in walk/path.ts. A key may come more than once. */
export type PaxRecord = readonly [key: string, value: string]

const NEWLINE = 0x0a
const EQUALS = 0x3d
const SPACE = 0x20

/** The records of an extended header. Throws `corrupt`. */
export const decodePax = (bytes: Uint8Array): ReadonlyArray<PaxRecord> => {
  const records: Array<PaxRecord> = []
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(SPACE, at)
    const digits = String.fromCharCode(...bytes.subarray(at, space < 0 || space > at + 9 ? at + 9 : space))
    const length = /^[0-9]{1,9}$/.test(digits) ? Number(digits) : 0
    const end = at + length
    if (space < 0 || end > bytes.length || end <= space + 1 || bytes[end - 1] !== NEWLINE) {
      throw corrupt("an extended header does not consist of records")
    }
    const equals = bytes.subarray(space + 1, end - 1).indexOf(EQUALS)
    if (equals < 1) throw corrupt("a record of an extended header has no key")
    records.push([
      pathFromBytes(bytes.subarray(space + 1, space + 1 + equals)),
      pathFromBytes(bytes.subarray(space + 2 + equals, end - 1)),
    ])
    at = end
  }
  return records
}

/** The inverse of {@link decodePax}. */
export const encodePax = (records: ReadonlyArray<PaxRecord>): Uint8Array => {
  const parts = records.map(([key, value]) => {
    const text = pathToBytes(` ${key}=${value}\n`)
    // The length counts its own digits.
    let length = text.length + 1
    while (String(length).length + text.length !== length) length = String(length).length + text.length
    const record = new Uint8Array(length)
    record.set(pathToBytes(String(length)))
    record.set(text, length - text.length)
    return record
  })
  return concat(parts)
}

/** Decimal seconds since 1970 as nanoseconds. Finer digits are dropped. Throws `corrupt`. */
export const decodeTime = (text: string): bigint => {
  const match = /^(-?)(\d{1,18})(?:\.(\d*))?$/.exec(text)
  if (match === null) throw corrupt(`it has the time "${text.slice(0, 40)}"`)
  const [, sign, seconds, fraction = ""] = match
  const time = BigInt(seconds!) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"))
  return sign === "-" ? -time : time
}

/** The inverse of {@link decodeTime}. */
export const encodeTime = (time: bigint): string => {
  const positive = time < 0n ? -time : time
  const fraction = String(positive % 1_000_000_000n).padStart(9, "0").replace(/0+$/, "")
  return `${time < 0n ? "-" : ""}${positive / 1_000_000_000n}${fraction === "" ? "" : `.${fraction}`}`
}

/** A number of bytes in decimal digits. Throws `corrupt`. */
export const decodeCount = (text: string): number => {
  const count = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(count)) throw corrupt(`it has "${text.slice(0, 40)}" where a number of bytes is expected`)
  return count
}
