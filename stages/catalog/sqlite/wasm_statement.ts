/**
 * Prepared statements of SQLite as WebAssembly. They call the C functions, because the module's own objects are slower.
 */
import { SqliteError, type SqliteRow, type SqliteStatement, type SqliteValue } from "./sqlite.ts"
import { sqliteFailure } from "./file.ts"
import type { Sqlite3 } from "./wasm_library.ts"

const ROW = 100
const DONE = 101
const INTEGER = 1
const FLOAT = 2
const TEXT = 3
const BLOB = 4
/** Tells SQLite to copy a value when it is bound. */
const TRANSIENT = -1
const encoder: TextEncoder = new TextEncoder()
const decoder: TextDecoder = new TextDecoder("utf-8", { ignoreBOM: true })

/**
 * Prepares a statement. It is freed when the garbage collector finds it unused, or when the database closes. `check`
 * throws when the database is closed.
 */
export const prepareStatement = (lib: Sqlite3, db: number, sql: string, check: () => void): SqliteStatement => {
  const x = lib.exports
  // Every closure below holds this object, running iterators, too. So it lives as long as the statement is used.
  const owner = { pointer: lib.prepare(db, sql) }
  const { pointer } = owner
  const parameters = x.sqlite3_bind_parameter_count(pointer)
  const columns = x.sqlite3_column_count(pointer)
  const fail = (): SqliteError => sqliteFailure(sql, x.sqlite3_extended_errcode(db), lib.message(db))
  /** Counts executions, so that an iterator notices when another one has started. */
  let turn = 0

  const bind = (values: ReadonlyArray<SqliteValue>): void => {
    check()
    turn += 1
    x.sqlite3_reset(owner.pointer)
    if (values.length !== parameters) {
      throw sqliteFailure(sql, undefined, `it takes ${parameters} values, not ${values.length}`)
    }
    for (let i = 0; i < values.length; i++) {
      if (bindValue(lib, owner.pointer, i + 1, values[i]!) !== 0) throw fail()
    }
    lib.endScratch()
  }
  const step = (): boolean => {
    const rc = x.sqlite3_step(owner.pointer)
    if (rc === ROW) return true
    if (rc === DONE) return false
    const error = fail()
    x.sqlite3_reset(owner.pointer)
    throw error
  }
  const row = (): SqliteRow => {
    const out: Array<SqliteValue> = new Array(columns)
    for (let i = 0; i < columns; i++) out[i] = columnValue(lib, owner.pointer, i)
    return out
  }
  const statement: SqliteStatement = {
    run: (...values) => {
      bind(values)
      while (step());
      x.sqlite3_reset(owner.pointer)
    },
    get: (...values) => {
      bind(values)
      const found = step() ? row() : undefined
      x.sqlite3_reset(owner.pointer)
      return found
    },
    all: (...values) => {
      bind(values)
      const rows: Array<SqliteRow> = []
      while (step()) rows.push(row())
      x.sqlite3_reset(owner.pointer)
      return rows
    },
    iterate: function* (...values) {
      bind(values)
      const mine = turn
      try {
        while (step()) {
          yield row()
          check()
          if (turn !== mine) throw sqliteFailure(sql, undefined, "the statement ran again while its rows were read")
        }
      } finally {
        if (turn === mine && !isClosed(check)) x.sqlite3_reset(owner.pointer)
      }
    },
  }
  unused.register(owner, { pointer, check, finalize: x.sqlite3_finalize })
  return statement
}

interface Unused {
  readonly pointer: number
  readonly check: () => void
  readonly finalize: (pointer: number) => number
}

/** Frees statements that nobody uses any more. One for the process: each statement brings what is needed for it. */
const unused: FinalizationRegistry<Unused> = new FinalizationRegistry(({ pointer, check, finalize }) => {
  if (!isClosed(check)) finalize(pointer)
})

const isClosed = (check: () => void): boolean => {
  try {
    check()
    return false
  } catch {
    return true
  }
}

const bindValue = (lib: Sqlite3, pointer: number, index: number, value: SqliteValue): number => {
  const x = lib.exports
  if (value === null) return x.sqlite3_bind_null(pointer, index)
  if (typeof value === "number") {
    if ((value | 0) === value && !Object.is(value, -0)) return x.sqlite3_bind_int(pointer, index, value)
    return Number.isSafeInteger(value) && value !== 0
      ? x.sqlite3_bind_int64(pointer, index, BigInt(value))
      : x.sqlite3_bind_double(pointer, index, value)
  }
  if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) !== value) {
      throw new SqliteError({ reason: "query", message: `${value} does not fit into 64 bits` })
    }
    return x.sqlite3_bind_int64(pointer, index, value)
  }
  if (typeof value === "string") {
    const at = lib.scratch(value.length * 3)
    const { written } = encoder.encodeInto(value, lib.heap().subarray(at, at + value.length * 3))
    return x.sqlite3_bind_text(pointer, index, at, written, TRANSIENT)
  }
  const at = lib.scratch(value.length)
  lib.heap().set(value, at)
  return x.sqlite3_bind_blob(pointer, index, at, value.length, TRANSIENT)
}

const columnValue = (lib: Sqlite3, pointer: number, column: number): SqliteValue => {
  const x = lib.exports
  switch (x.sqlite3_column_type(pointer, column)) {
    case INTEGER: {
      // The double is exact below 2^53, and cheaper than a bigint.
      const value = x.sqlite3_column_double(pointer, column)
      return Number.isSafeInteger(value) ? value : x.sqlite3_column_int64(pointer, column)
    }
    case FLOAT:
      return x.sqlite3_column_double(pointer, column)
    case TEXT: {
      const at = x.sqlite3_column_text(pointer, column)
      return decoder.decode(lib.heap().subarray(at, at + x.sqlite3_column_bytes(pointer, column)))
    }
    case BLOB: {
      const at = x.sqlite3_column_blob(pointer, column)
      return lib.heap().slice(at, at + x.sqlite3_column_bytes(pointer, column))
    }
    default:
      return null
  }
}
