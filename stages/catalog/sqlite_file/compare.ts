/** The order of values and rows in an index. */
import { Order } from "effect/Bytes"
import type { SqliteRow, SqliteValue } from "../sqlite/sqlite.ts"

const encoder: TextEncoder = new TextEncoder()

/** Null, numbers, texts, blobs. */
const rank = (value: SqliteValue): number =>
  value === null ? 0 : typeof value === "string" ? 2 : typeof value === "object" ? 3 : 1

/** Compares two values as SQLite does, texts by their bytes (`COLLATE BINARY`). */
export const compareValues = (a: SqliteValue, b: SqliteValue): number => {
  if (a === b) return 0
  const byRank = rank(a) - rank(b)
  if (byRank !== 0) return byRank
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Order(a, b)
  if (typeof a === "string" && typeof b === "string") return Order(encoder.encode(a), encoder.encode(b))
  return a! < b! ? -1 : a! > b! ? 1 : 0
}

/** Compares the first columns of a row with a key, as many as the key has. */
export const compareKey = (row: SqliteRow, key: SqliteRow): number => {
  for (let i = 0; i < key.length; i++) {
    const order = compareValues(row[i] ?? null, key[i]!)
    if (order !== 0) return order
  }
  return 0
}
