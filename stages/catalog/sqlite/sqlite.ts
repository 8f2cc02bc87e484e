/** The port to a SQLite engine. All engines read and write the same database files. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { taggedError, type TaggedErrorInstance } from "../../kernel/tagged_error.ts"

/** Fields of a `SqliteError`. */
export interface SqliteErrorFields {
  /**
   * - `corrupt`: the database is damaged.
   * - `query`: the statement is wrong.
   * - `io`: a file could not be read or written, or there is no memory.
   * - `unavailable`: this runtime has no such engine.
   */
  readonly reason: "corrupt" | "query" | "io" | "unavailable"
  /** One sentence. */
  readonly message: string
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** An engine refused a file or a statement. */
export interface SqliteError extends TaggedErrorInstance<"SqliteError", SqliteErrorFields> {}
/**
 * Makes {@linkcode SqliteError}s.
 *
 * @example Handle a wrong statement
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { makeSqliteWasm, SqliteError } from "@penstock/penstock"
 *
 * const program = Effect.scoped(Effect.gen(function* () {
 *   const db = yield* (yield* makeSqliteWasm).open()
 *   assert.throws(() => db.exec("SELEC 1"), (error) => error instanceof SqliteError && error.reason === "query")
 * }))
 * await Effect.runPromise(program)
 * ```
 */
export const SqliteError: new (fields: SqliteErrorFields) => SqliteError = taggedError("SqliteError")

/** A value in a statement or a row. Integers beyond 2^53 are `bigint`. */
export type SqliteValue = null | number | bigint | string | Uint8Array
/** A row. Integers beyond 2^53 are `bigint`, all other numbers `number`. Blobs are fresh bytes. */
export type SqliteRow = ReadonlyArray<SqliteValue>

/** A prepared statement. All methods are synchronous and throw {@link SqliteError}. */
export interface SqliteStatement {
  /** Runs the statement with these values and gives no rows. */
  readonly run: (...values: ReadonlyArray<SqliteValue>) => void
  /** The first row; undefined when there is none. */
  readonly get: (...values: ReadonlyArray<SqliteValue>) => SqliteRow | undefined
  /** All rows. For results that are known to be small. */
  readonly all: (...values: ReadonlyArray<SqliteValue>) => ReadonlyArray<SqliteRow>
  /** The rows one by one. A statement can have one iteration at a time; `return` ends it early. */
  readonly iterate: (...values: ReadonlyArray<SqliteValue>) => IterableIterator<SqliteRow>
}

/** An open database. It is closed with the scope that it was opened in, and its file is removed. */
export interface SqliteDatabase {
  /** Runs statements without results. Throws {@link SqliteError}. */
  readonly exec: (sql: string) => void
  /** Compiles a statement, which lives as long as the database. Throws {@link SqliteError}. */
  readonly prepare: (sql: string) => SqliteStatement
  /**
   * The bytes of the database file, which has whole pages, in pieces of `pieceBytes`; the last may be shorter. Fails
   * when a transaction is open.
   */
  readonly bytes: (pieceBytes: number) => Stream.Stream<Uint8Array, SqliteError>
}

/** A SQLite engine. */
export interface SqliteEngine {
  /** Its name and version, for messages: `node:sqlite 3.50`, `sqlite-wasm 3.54`. */
  readonly name: string
  /**
   * Opens a private database: an empty one, or one with the content of a database file. A new one has pages of 4096
   * bytes. No journal files stay behind. Fails with `corrupt` when the content is not a database.
   */
  readonly open: <E = never, R = never>(
    content?: Stream.Stream<Uint8Array, E, R>,
  ) => Effect.Effect<SqliteDatabase, SqliteError | E, R | Scope.Scope>
}

/**
 * The service under which an engine is provided.
 *
 * @example Open a database with whatever engine is provided
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { SqliteEngine, sqliteWasm } from "@penstock/penstock"
 *
 * const program = Effect.scoped(Effect.gen(function* () {
 *   const db = yield* (yield* SqliteEngine).open()
 *   return db.prepare("SELECT 1").get()
 * }))
 * assert.deepEqual(await Effect.runPromise(Effect.provide(program, sqliteWasm)), [1])
 * ```
 */
export const SqliteEngine: Context.Service<SqliteEngine, SqliteEngine> = Context.Service("penstock/SqliteEngine")
