/** Rows as bytes (https://www.sqlite.org/fileformat2.html, section 2.1). */
import type { SqliteRow, SqliteValue } from "../sqlite/sqlite.ts"
import { damagedPage } from "./damage.ts"

/** Bytes, and where the next number in them begins. */
export interface Place {
  readonly bytes: Uint8Array
  at: number
  /** The page that the bytes are of, for errors. */
  readonly page: number
}

const decoder: TextDecoder = new TextDecoder("utf-8", { ignoreBOM: true })

/**
 * The number of variable length at `place`, a signed 64-bit integer; `place` moves behind it. Throws SqliteError
 * `corrupt` when it goes beyond `end`.
 */
export const varint = (place: Place, end: number): number | bigint => {
  const { bytes } = place
  const from = place.at
  let value = 0
  for (let i = 0; i < 7; i++) {
    if (from + i >= end) throw damagedPage(place.page, "has a number that is cut off")
    const byte = bytes[from + i]!
    value = value * 128 + (byte & 127)
    if (byte < 128) {
      place.at = from + i + 1
      return value
    }
  }
  return longVarint(place, end, value)
}

/** The rest of a number of 8 or 9 bytes, of which the first 7 are `high`. */
const longVarint = (place: Place, end: number, high: number): number | bigint => {
  const at = place.at + 7
  const eighth = place.bytes[at] ?? 0
  const length = eighth < 128 ? 1 : 2
  if (at + length > end) throw damagedPage(place.page, "has a number that is cut off")
  place.at = at + length
  const value = (BigInt(high) << 7n) | BigInt(eighth & 127)
  return narrow(length === 1 ? value : BigInt.asIntN(64, (value << 8n) | BigInt(place.bytes[at + 1]!)))
}

/** As {@link varint}, for a length. Throws SqliteError `corrupt` when it is above `most`. */
export const lengthVarint = (place: Place, end: number, most: number): number => {
  const value = varint(place, end)
  if (typeof value === "bigint" || value < 0 || value > most) {
    throw damagedPage(place.page, `has a row of ${value} bytes, more than can be`)
  }
  return value
}

/**
 * How many bytes of a row are needed for its first `columns` columns, when `known` bytes of its `total` are there. All
 * of them when the part with the types of the columns is not.
 */
export const neededBytes = (bytes: Uint8Array, total: number, columns: number, page: number): number => {
  if (bytes.length >= total) return total
  const place: Place = { bytes, at: 0, page }
  const header = lengthVarint(place, bytes.length, total)
  if (header > bytes.length) return total
  let needed = header
  for (let i = 0; i < columns && place.at < header; i++) needed += valueBytes(lengthVarint(place, header, TYPES))
  return Math.min(needed, total)
}

/**
 * The first `columns` columns of a row. `bytes` has what {@link neededBytes} tells, `total` is the length of the whole
 * row. Blobs are fresh bytes. Throws SqliteError `corrupt` when the bytes are no row.
 */
export const decodeRecord = (bytes: Uint8Array, total: number, columns: number, page: number): SqliteRow => {
  const place: Place = { bytes, at: 0, page }
  const header = lengthVarint(place, bytes.length, bytes.length)
  const row: Array<SqliteValue> = []
  let at = header
  if (header < place.at) throw damagedPage(page, "has a row whose columns are not valid")
  while (place.at < header && row.length < columns) {
    const type = lengthVarint(place, header, TYPES)
    const length = valueBytes(type)
    if (length > bytes.length - at) throw damagedPage(page, `has a row of ${total} bytes that is cut off`)
    row.push(decodeValue(bytes, at, type, length, page))
    at += length
  }
  return row
}

/** The type of the longest value, a text of 2^31 - 1 bytes. */
const TYPES = 13 + 2 * (2 ** 31 - 1)

const INTEGERS = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0]

const valueBytes = (type: number): number => type < 12 ? INTEGERS[type]! : Math.floor((type - 12) / 2)

const decodeValue = (bytes: Uint8Array, at: number, type: number, length: number, page: number): SqliteValue => {
  if (type >= 12) {
    return type % 2 === 0 ? bytes.slice(at, at + length) : decoder.decode(bytes.subarray(at, at + length))
  }
  switch (type) {
    case 0:
      return null
    case 7: {
      const value = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(at)
      return Number.isNaN(value) ? null : value
    }
    case 8:
      return 0
    case 9:
      return 1
    case 10:
    case 11:
      throw damagedPage(page, "has a value of a type that is not known")
    case 6:
      return narrow(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(at))
    default: {
      let value = (bytes[at]! << 24) >> 24
      for (let i = 1; i < length; i++) value = value * 256 + bytes[at + i]!
      return value
    }
  }
}

const narrow = (value: bigint): number | bigint =>
  value <= 9007199254740991n && value >= -9007199254740991n ? Number(value) : value
