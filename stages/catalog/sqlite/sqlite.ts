/** The port to a SQLite engine: the same database files, whichever engine runs. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { taggedError, type TaggedErrorInstance } from "../../kernel/tagged_error.ts"

/** Fields of a `SqliteError`. */
export interface SqliteErrorFields {
  /**
   * `corrupt`: the database is damaged. `query`: the statement is wrong. `io`: a file could not be read or written.
   * `unavailable`: there is no SQLite here.
   */
  readonly reason: "corrupt" | "query" | "io" | "unavailable"
  /** One sentence. */
  readonly message: string
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** An engine refused a file or a statement. */
export interface SqliteError extends TaggedErrorInstance<"SqliteError", SqliteErrorFields> {}
/** Makes {@linkcode SqliteError}s. */
export const SqliteError: new (fields: SqliteErrorFields) => SqliteError = taggedError("SqliteError")

/** What goes into a statement. `bigint` for integers beyond 2^53. */
export type SqliteValue = null | number | bigint | string | Uint8Array
/** What comes out: integers beyond 2^53 as `bigint`, every other number as `number`. Blobs are fresh bytes. */
export type SqliteRow = ReadonlyArray<SqliteValue>

/** A prepared statement. Synchronous; throws {@link SqliteError}. */
export interface SqliteStatement {
  /** Runs the statement with these values. Throws a SqliteError. */
  readonly run: (...values: ReadonlyArray<SqliteValue>) => void
  /** The first row, or undefined when there is none. Throws a SqliteError. */
  readonly get: (...values: ReadonlyArray<SqliteValue>) => SqliteRow | undefined
  /** All rows at once: for results known to be small. */
  readonly all: (...values: ReadonlyArray<SqliteValue>) => ReadonlyArray<SqliteRow>
  /** Rows one by one. One iteration of a statement at a time; ended early by `return`. */
  readonly iterate: (...values: ReadonlyArray<SqliteValue>) => IterableIterator<SqliteRow>
}

/** An open database. Closed with the scope that it was opened in; what it kept on disk is gone then. */
export interface SqliteDatabase {
  /** Runs statements without results. Throws {@link SqliteError}. */
  readonly exec: (sql: string) => void
  /** Compiles a statement, which lives as long as the database. Throws a SqliteError. */
  readonly prepare: (sql: string) => SqliteStatement
  /**
   * The bytes of the database file, of whole pages, in pieces of `pieceBytes` (the last may be shorter). No transaction
   * may be open.
   */
  readonly bytes: (pieceBytes: number) => Stream.Stream<Uint8Array, SqliteError>
}

/** A SQLite engine. */
export interface SqliteEngine {
  /** For messages: `node:sqlite 3.50`, `sqlite-wasm 3.54`. */
  readonly name: string
  /**
   * Opens a private database: empty, or with the content of a database file. Page size 4096, no journal files left
   * behind. Fails with `corrupt` when the content is not a database.
   */
  readonly open: <E = never, R = never>(
    content?: Stream.Stream<Uint8Array, E, R>,
  ) => Effect.Effect<SqliteDatabase, SqliteError | E, R | Scope.Scope>
}

/** The service under which an engine is provided. */
export const SqliteEngine: Context.Service<SqliteEngine, SqliteEngine> = Context.Service("penstock/SqliteEngine")
