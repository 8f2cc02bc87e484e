/** SQLite as WebAssembly: the engine that runs everywhere, browsers included. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { catching } from "../../kernel/catching.ts"
import { type SqliteDatabase, SqliteEngine, SqliteError } from "./sqlite.ts"
import { checkHeader, FIRST_PAGE, HEADER_BYTES, pieces, SANITY, SETTINGS, sqliteFailure } from "./file.ts"
import { type Sqlite3, sqlite3 } from "./wasm_library.ts"
import { prepareStatement } from "./wasm_statement.ts"

/**
 * Makes the engine that runs everywhere. The module (0.9 MB) is loaded when the first database is opened.
 *
 * A database is held in memory as a whole, as long as its scope is open. All databases together cannot exceed 2 GiB.
 * After a transaction was rolled back or failed halfway, the content of the database is undefined.
 *
 * @example Run a query
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { makeSqliteWasm } from "@penstock/penstock"
 *
 * const program = Effect.scoped(Effect.gen(function* () {
 *   const engine = yield* makeSqliteWasm
 *   const db = yield* engine.open()
 *   db.exec("CREATE TABLE t (x)")
 *   db.prepare("INSERT INTO t VALUES (?)").run(42)
 *   return db.prepare("SELECT x FROM t").get()
 * }))
 * assert.deepEqual(await Effect.runPromise(program), [42])
 * ```
 */
export const makeSqliteWasm: Effect.Effect<SqliteEngine> = Effect.succeed({
  name: "sqlite-wasm 3.54",
  open: Effect.fnUntraced(function* <E, R>(
    content?: Stream.Stream<Uint8Array, E, R>,
  ): Effect.fn.Return<SqliteDatabase, SqliteError | E, R | Scope.Scope> {
    const lib = yield* Effect.tryPromise({
      try: sqlite3,
      catch: (cause) => new SqliteError({ reason: "unavailable", message: "Cannot load SQLite as WebAssembly", cause }),
    })
    const image = yield* Effect.acquireRelease(
      Effect.sync(() => new Image(lib)),
      (image) => Effect.sync(() => image.free()),
    )
    if (content !== undefined) {
      yield* Stream.runForEach(content, (bytes) => catching(SqliteError, () => guard(() => image.append(bytes))))
      yield* catching(SqliteError, () => guard(() => image.check()))
    }
    const handle = yield* Effect.acquireRelease(
      catching(SqliteError, () => guard(() => connect(lib))),
      (handle) => Effect.sync(() => handle.close()),
    )
    yield* catching(SqliteError, () =>
      guard(() => {
        image.give(handle.pointer)
        handle.exec(SETTINGS)
        lib.defend(handle.pointer)
        if (content === undefined) handle.exec(FIRST_PAGE)
        handle.database.prepare(SANITY).get()
      }))
    return handle.database
  }),
})

/**
 * {@link makeSqliteWasm} as a layer.
 *
 * @example Provide the engine to a program
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { SqliteEngine, sqliteWasm } from "@penstock/penstock"
 *
 * const name = Effect.map(SqliteEngine, (engine) => engine.name)
 * assert.match(await Effect.runPromise(Effect.provide(name, sqliteWasm)), /^sqlite-wasm/)
 * ```
 */
export const sqliteWasm: Layer.Layer<SqliteEngine> = Layer.effect(SqliteEngine, makeSqliteWasm)

/** The bytes of a database file in the memory of the module. SQLite takes them over at the end. */
class Image {
  readonly #lib: Sqlite3
  #pointer = 0
  #size = 0
  #capacity = 0
  constructor(lib: Sqlite3) {
    this.#lib = lib
  }
  append(bytes: Uint8Array): void {
    this.#reserve(this.#size + bytes.length)
    this.#lib.heap().set(bytes, this.#pointer + this.#size)
    this.#size += bytes.length
  }
  check(): void {
    const end = this.#pointer + Math.min(this.#size, HEADER_BYTES)
    checkHeader(this.#lib.heap().subarray(this.#pointer, end), this.#size)
  }
  /** Makes the bytes the content of a connection, which then owns and frees them, even when this throws. */
  give(db: number): void {
    this.#reserve(4096)
    const pointer = this.#pointer
    this.#pointer = 0
    const rc = this.#lib.deserialize(db, pointer, this.#size, this.#capacity)
    if (rc !== 0) throw sqliteFailure("opening a database", rc, this.#lib.message(db))
  }
  free(): void {
    if (this.#pointer !== 0) this.#lib.free(this.#pointer)
    this.#pointer = 0
  }
  #reserve(bytes: number): void {
    if (bytes <= this.#capacity) return
    const capacity = Math.max(bytes, this.#capacity * 2)
    const pointer = this.#lib.realloc(this.#pointer, capacity) || this.#lib.realloc(this.#pointer, bytes)
    if (pointer === 0) {
      throw new SqliteError({
        reason: "io",
        message:
          `The database is too large for SQLite as WebAssembly: no memory for ${bytes} bytes. Use the native engine`,
      })
    }
    this.#pointer = pointer
    this.#capacity = this.#lib.msize(pointer)
  }
}

interface Connection {
  readonly pointer: number
  readonly database: SqliteDatabase
  readonly exec: (sql: string) => void
  readonly close: () => void
}

const connect = (lib: Sqlite3): Connection => {
  const pointer = lib.open()
  let closed = false
  const check = (): void => {
    if (closed) throw new SqliteError({ reason: "query", message: "The database is closed: its scope has ended" })
  }
  const exec = (sql: string): void => {
    check()
    const rc = lib.exec(pointer, sql)
    if (rc !== 0) throw sqliteFailure(sql, rc, lib.message(pointer))
  }
  const inTransaction = (): boolean => !closed && !lib.autocommit(pointer)
  const database: SqliteDatabase = {
    exec,
    prepare: (sql) => {
      check()
      return prepareStatement(lib, pointer, sql, check)
    },
    bytes: (pieceBytes) =>
      Stream.suspend(() => {
        const image = (): { readonly pointer: number; readonly size: number } => {
          check()
          if (inTransaction()) {
            throw new SqliteError({
              reason: "query",
              message: "The bytes of a database cannot be read while a transaction is open",
            })
          }
          return lib.image(pointer)
        }
        return pieces(
          () => image().size,
          (offset, length) => {
            const from = image().pointer + offset
            return lib.heap().slice(from, from + length)
          },
          pieceBytes,
        )
      }),
  }
  return {
    pointer,
    database,
    exec,
    close: () => {
      closed = true
      lib.close(pointer)
    },
  }
}

/** Throws a SqliteError for everything that `run` throws, including traps of the WebAssembly module. */
const guard = <A>(run: () => A): A => {
  try {
    return run()
  } catch (error) {
    if (error instanceof SqliteError) throw error
    throw new SqliteError({ reason: "io", message: "SQLite as WebAssembly failed", cause: error })
  }
}
