/** The SQLite engine of the runtime (`node:sqlite`, on Node, Deno and Bun), with databases in private files. */
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { scratchDirectory, scratchError, scratchProblem } from "../files/system/scratch.ts"
import {
  type SqliteDatabase,
  SqliteEngine,
  SqliteError,
  type SqliteStatement,
} from "../../stages/catalog/sqlite/sqlite.ts"
import type { SqliteRow, SqliteValue } from "../../stages/catalog/sqlite/sqlite.ts"
import {
  checkHeader,
  FIRST_PAGE,
  HEADER_BYTES,
  pieces,
  SANITY,
  SETTINGS,
  sqliteFailure,
} from "../../stages/catalog/sqlite/file.ts"

/**
 * Makes the engine. Fails with `unavailable` when the runtime has no `node:sqlite`.
 *
 * A database is a file in a new directory that only this user may enter, beneath the directory for temporary files
 * (`TMPDIR`). Its name is removed as soon as SQLite has the file open, so a killed process leaves nothing behind. Where
 * an open file cannot be removed (Windows), it is removed when the scope closes. After a transaction was rolled back or
 * failed halfway, the content of the database is undefined.
 *
 * On Deno, text ends at its first NUL when it is read back, so keep such text as a blob. Also on Deno, `iterate` reads
 * all rows at once: that of `node:sqlite` ends without an error when the database is damaged.
 *
 * @example Run a query
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { makeSqliteNative } from "@penstock/penstock/adapters"
 *
 * const program = Effect.scoped(Effect.gen(function* () {
 *   const engine = yield* makeSqliteNative
 *   const db = yield* engine.open()
 *   return db.prepare("SELECT 6 * ?").get(7)
 * }))
 * assert.deepEqual(await Effect.runPromise(program), [42])
 * ```
 */
export const makeSqliteNative: Effect.Effect<SqliteEngine, SqliteError> = Effect.gen(function* () {
  const { DatabaseSync } = yield* Effect.tryPromise({
    try: () => import("node:sqlite"),
    catch: (cause) => new SqliteError({ reason: "unavailable", message: "This runtime has no node:sqlite", cause }),
  })
  const open = Effect.fnUntraced(function* <E, R>(
    content?: Stream.Stream<Uint8Array, E, R>,
  ): Effect.fn.Return<SqliteDatabase, SqliteError | E, R | Scope.Scope> {
    const file = yield* Effect.acquireRelease(
      catching(SqliteError, () => guard(OPENING, makeFile)),
      (file) => Effect.sync(() => removeFile(file)),
    )
    if (content !== undefined) {
      yield* Stream.runForEach(
        content,
        (bytes) => catching(SqliteError, () => guard(OPENING, () => append(file, bytes))),
      )
      yield* catching(SqliteError, () => guard(OPENING, () => checkFile(file)))
    }
    // Defensive mode forbids turning the journal off, so it comes after the settings.
    const db = yield* Effect.acquireRelease(
      catching(SqliteError, () => guard(OPENING, () => new DatabaseSync(file.path, { defensive: false }))),
      (db) => Effect.sync(() => db.close()),
    )
    yield* catching(SqliteError, () =>
      guard(OPENING, () => {
        db.exec(SETTINGS)
        db.enableDefensive(true)
        if (content === undefined) db.exec(FIRST_PAGE)
        db.prepare(SANITY).get()
        unlinkEarly(file)
      }))
    return database(db, file, hidesErrors)
  })
  const { version, hidesErrors } = yield* catching(
    SqliteError,
    () => guard(OPENING, () => probe(new DatabaseSync(":memory:"))),
  )
  return { name: `node:sqlite ${version}`, open }
})

/**
 * {@link makeSqliteNative} as a layer.
 *
 * @example Provide the engine to a program
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { SqliteEngine } from "@penstock/penstock"
 * import { sqliteNative } from "@penstock/penstock/adapters"
 *
 * const name = Effect.map(SqliteEngine, (engine) => engine.name)
 * assert.match(await Effect.runPromise(Effect.provide(name, sqliteNative)), /^node:sqlite/)
 * ```
 */
export const sqliteNative: Layer.Layer<SqliteEngine, SqliteError> = Layer.effect(SqliteEngine, makeSqliteNative)

interface PrivateFile {
  readonly directory: string
  readonly path: string
  /** Kept open to read the bytes after the name was removed. */
  readonly fd: number
}

const makeFile = (): PrivateFile => {
  const directory = mkdtempSync(join(scratchDirectory(), "penstock-"))
  const path = join(directory, "catalog.db")
  try {
    return { directory, path, fd: openSync(path, "wx+", 0o600) }
  } catch (error) {
    rmdirSync(directory)
    throw error
  }
}

const removeFile = (file: PrivateFile): void => {
  closeSync(file.fd)
  rmSync(file.directory, { recursive: true, force: true })
}

const unlinkEarly = (file: PrivateFile): void => {
  try {
    unlinkSync(file.path)
    rmdirSync(file.directory)
  } catch {
    // The file is removed when the scope closes.
  }
}

const append = (file: PrivateFile, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length;) at += writeSync(file.fd, bytes, at, bytes.length - at)
}

const checkFile = (file: PrivateFile): void => {
  const size = fstatSync(file.fd).size
  const header = readAt(file, 0, Math.min(size, HEADER_BYTES))
  checkHeader(header, size)
  writeSync(file.fd, header, 0, header.length, 0)
}

const readAt = (file: PrivateFile, offset: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const got = readSync(file.fd, bytes, at, length - at, offset + at)
    if (got === 0) {
      throw new SqliteError({ reason: "io", message: "The file of the database became shorter while it was read" })
    }
    at += got
  }
  return bytes
}

const database = (db: DatabaseSync, file: PrivateFile, hidesErrors: boolean): SqliteDatabase => ({
  exec: (sql) => guard(sql, () => db.exec(sql)),
  prepare: (sql) => guard(sql, () => statement(sql, db.prepare(sql), hidesErrors)),
  bytes: (pieceBytes) =>
    Stream.unwrap(Effect.map(
      // This fails inside a transaction, when some pages are not in the file yet.
      catching(SqliteError, () => guard("BEGIN; COMMIT", () => db.exec("BEGIN; COMMIT"))),
      () => pieces(() => fstatSync(file.fd).size, (offset, length) => readAt(file, offset, length), pieceBytes),
    )),
})

const statement = (sql: string, prepared: StatementSync, hidesErrors: boolean): SqliteStatement => {
  prepared.setReadBigInts(true)
  prepared.setReturnArrays(true)
  const rowOf = (row: unknown): SqliteRow => narrow(row as Array<SqliteValue>)
  return {
    run: (...values) => {
      guard(sql, () => prepared.run(...widen(values)))
    },
    get: (...values) =>
      guard(sql, () => {
        const row = prepared.get(...widen(values))
        return row === undefined ? undefined : rowOf(row)
      }),
    all: (...values) => guard(sql, () => prepared.all(...widen(values)).map(rowOf)),
    iterate: function* (...values) {
      try {
        const rows = hidesErrors ? prepared.all(...widen(values)) : prepared.iterate(...widen(values))
        for (const row of rows) yield rowOf(row)
      } catch (error) {
        throw failure(sql, error)
      }
    },
  }
}

/** Makes integers bigints. Numbers are bound as doubles, and a column without affinity would store them as such. */
const widen = (values: ReadonlyArray<SqliteValue>): Array<SqliteValue> => {
  const out: Array<SqliteValue> = new Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    out[i] = typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value
  }
  return out
}

const narrow = (row: Array<SqliteValue>): SqliteRow => {
  for (let i = 0; i < row.length; i++) {
    const value = row[i]
    if (typeof value === "bigint" && value <= 9007199254740991n && value >= -9007199254740991n) row[i] = Number(value)
  }
  return row
}

/** The version of SQLite, and whether `iterate` ends without an error when a step fails. Closes the database. */
const probe = (db: DatabaseSync): { readonly version: string; readonly hidesErrors: boolean } => {
  try {
    const version = String(db.prepare("SELECT sqlite_version() AS version").get()?.["version"])
    try {
      // This overflows when it runs.
      for (const _ of db.prepare("SELECT abs(-9223372036854775808)").iterate());
      return { version, hidesErrors: true }
    } catch {
      return { version, hidesErrors: false }
    }
  } finally {
    db.close()
  }
}

const OPENING = "opening a database"

/** Throws a SqliteError for whatever `run` throws. `doing`: the SQL, or words, for its message. */
const guard = <A>(doing: string, run: () => A): A => {
  try {
    return run()
  } catch (error) {
    throw failure(doing, error)
  }
}

const failure = (doing: string, error: unknown): SqliteError => {
  if (error instanceof SqliteError) return error
  const { code, errcode, message } = error as { code?: unknown; errcode?: unknown; message: string }
  // An error of the file system, which has a code such as ENOSPC.
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) {
    return new SqliteError({ reason: "io", message: scratchError("a database", error), cause: error })
  }
  const failed = sqliteFailure(doing, typeof errcode === "number" ? errcode : undefined, message, error)
  if (failed.reason !== "io" || /out of memory/.test(message)) return failed
  const why = /is full/.test(message) ? "ENOSPC" : message
  return new SqliteError({ reason: "io", message: scratchProblem("a database", why), cause: error })
}
