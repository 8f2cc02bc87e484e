/** Loads the SQLite module, and gives the few operations that the engine needs. */
import { SqliteError } from "./sqlite.ts"
import { sqliteFailure } from "./file.ts"

/** The exports of the module that are used: C functions. Pointers are numbers, 64-bit integers are bigints. */
export interface SqliteExports {
  readonly sqlite3_malloc64: (bytes: bigint) => number
  readonly sqlite3_realloc64: (pointer: number, bytes: bigint) => number
  readonly sqlite3_msize: (pointer: number) => bigint
  readonly sqlite3_free: (pointer: number) => void
  readonly sqlite3_close_v2: (db: number) => number
  readonly sqlite3_get_autocommit: (db: number) => number
  readonly sqlite3_extended_errcode: (db: number) => number
  readonly sqlite3_next_stmt: (db: number, statement: number) => number
  readonly sqlite3_finalize: (statement: number) => number
  readonly sqlite3_reset: (statement: number) => number
  readonly sqlite3_step: (statement: number) => number
  readonly sqlite3_bind_parameter_count: (statement: number) => number
  readonly sqlite3_bind_null: (statement: number, index: number) => number
  readonly sqlite3_bind_int: (statement: number, index: number, value: number) => number
  readonly sqlite3_bind_int64: (statement: number, index: number, value: bigint) => number
  readonly sqlite3_bind_double: (statement: number, index: number, value: number) => number
  readonly sqlite3_bind_text: (s: number, index: number, pointer: number, bytes: number, destructor: number) => number
  readonly sqlite3_bind_blob: (s: number, index: number, pointer: number, bytes: number, destructor: number) => number
  readonly sqlite3_column_count: (statement: number) => number
  readonly sqlite3_column_type: (statement: number, column: number) => number
  readonly sqlite3_column_int64: (statement: number, column: number) => bigint
  readonly sqlite3_column_double: (statement: number, column: number) => number
  readonly sqlite3_column_text: (statement: number, column: number) => number
  readonly sqlite3_column_blob: (statement: number, column: number) => number
  readonly sqlite3_column_bytes: (statement: number, column: number) => number
}

/** The parts of the JavaScript layer around the module that are used. */
interface Library {
  readonly wasm: {
    readonly exports: SqliteExports
    readonly heap8u: () => Uint8Array
    readonly allocPtr: () => number
    readonly dealloc: (pointer: number) => void
    readonly peekPtr: (pointer: number) => number
    readonly peek: (pointer: number, type: "i64") => bigint
    readonly poke: (pointer: number, value: bigint, type: "i64") => void
  }
  readonly capi: {
    readonly sqlite3_open_v2: (name: string, out: number, flags: number, vfs: null) => number
    readonly sqlite3_exec: (db: number, sql: string, callback: 0, context: 0, message: 0) => number
    readonly sqlite3_errmsg: (db: number) => string
    readonly sqlite3_prepare_v2: (db: number, sql: string, bytes: -1, out: number, tail: null) => number
    readonly sqlite3_db_config: (db: number, option: number, on: 0 | 1, out: 0) => number
    readonly sqlite3_file_control: (db: number, schema: string, code: number, value: number) => number
    readonly sqlite3_deserialize: (
      db: number,
      schema: string,
      data: number,
      size: number,
      capacity: number,
      flags: number,
    ) => number
    readonly sqlite3_serialize: (db: number, schema: string, size: number, flags: number) => number
  }
}

/** Scratch memory of more than this many bytes is freed after use. */
const KEPT_SCRATCH = 1 << 20

/** The loaded module. `db` and `statement` are pointers into its memory. */
export interface Sqlite3 {
  readonly exports: SqliteExports
  readonly heap: () => Uint8Array
  readonly open: () => number
  readonly close: (db: number) => void
  readonly exec: (db: number, sql: string) => number
  readonly message: (db: number) => string
  readonly prepare: (db: number, sql: string) => number
  readonly defend: (db: number) => void
  readonly autocommit: (db: number) => boolean
  /** Makes `size` bytes at `data` the content of the database. SQLite owns and frees them. */
  readonly deserialize: (db: number, data: number, size: number, capacity: number) => number
  /** Where the content of the database is. It moves when it grows. */
  readonly image: (db: number) => { readonly pointer: number; readonly size: number }
  readonly realloc: (pointer: number, bytes: number) => number
  readonly msize: (pointer: number) => number
  readonly free: (pointer: number) => void
  /** Memory for at least this many bytes, valid until the next call. */
  readonly scratch: (bytes: number) => number
  readonly endScratch: () => void
}

/** The module, once it is asked for. One is enough for the process: databases in it are independent of each other. */
let loading: Promise<Sqlite3> | undefined

/** Loads the module once. Rejects when that fails; the next call then tries again. */
export const sqlite3 = (): Promise<Sqlite3> =>
  loading ??= load().catch((error: unknown) => {
    loading = undefined
    throw error
  })

const load = async (): Promise<Sqlite3> => {
  const { default: init } = await import("@sqlite.org/sqlite-wasm")
  const silent = (): void => {}
  // The declared type lacks the options, which Emscripten's loader takes.
  const start = init as unknown as (options: { print: () => void; printErr: () => void }) => Promise<Library>
  return wrap(await start({ print: silent, printErr: silent }))
}

const wrap = ({ wasm, capi }: Library): Sqlite3 => {
  const raw = wasm.exports
  let scratch = 0
  let scratchBytes = 0
  const withPointer = <A>(run: (pointer: number) => A): A => {
    const pointer = wasm.allocPtr()
    try {
      return run(pointer)
    } finally {
      wasm.dealloc(pointer)
    }
  }
  const noMemory = (): SqliteError =>
    new SqliteError({ reason: "io", message: "SQLite as WebAssembly is out of memory. Use the native engine" })
  return {
    exports: raw,
    heap: wasm.heap8u,
    open: () =>
      withPointer((out) => {
        const rc = capi.sqlite3_open_v2(":memory:", out, 0x2 | 0x4, null) // READWRITE | CREATE
        const db = wasm.peekPtr(out)
        if (rc === 0) return db
        if (db !== 0) raw.sqlite3_close_v2(db)
        throw sqliteFailure("opening a database", rc, "cannot open")
      }),
    close: (db) => {
      for (let s = raw.sqlite3_next_stmt(db, 0); s !== 0; s = raw.sqlite3_next_stmt(db, 0)) raw.sqlite3_finalize(s)
      raw.sqlite3_close_v2(db)
    },
    exec: (db, sql) => capi.sqlite3_exec(db, sql, 0, 0, 0),
    message: (db) => capi.sqlite3_errmsg(db),
    prepare: (db, sql) =>
      withPointer((out) => {
        const rc = capi.sqlite3_prepare_v2(db, sql, -1, out, null)
        const statement = wasm.peekPtr(out)
        if (rc !== 0) throw sqliteFailure(sql, raw.sqlite3_extended_errcode(db), capi.sqlite3_errmsg(db))
        if (statement === 0) throw sqliteFailure(sql, undefined, "there is no statement in it")
        return statement
      }),
    defend: (db) => {
      capi.sqlite3_db_config(db, 1010, 1, 0) // SQLITE_DBCONFIG_DEFENSIVE
    },
    autocommit: (db) => raw.sqlite3_get_autocommit(db) !== 0,
    deserialize: (db, data, size, capacity) => {
      const rc = capi.sqlite3_deserialize(db, "main", data, size, capacity, 1 | 2) // FREEONCLOSE | RESIZEABLE
      if (rc !== 0) return rc
      // 8 bytes, as large as two pointers
      const limit = raw.sqlite3_malloc64(8n)
      wasm.poke(limit, 1n << 31n, "i64")
      const limited = capi.sqlite3_file_control(db, "main", 36, limit) // SQLITE_FCNTL_SIZE_LIMIT
      raw.sqlite3_free(limit)
      return limited
    },
    image: (db) => {
      const size = raw.sqlite3_malloc64(8n)
      if (size === 0) throw noMemory()
      const pointer = capi.sqlite3_serialize(db, "main", size, 1) // SQLITE_SERIALIZE_NOCOPY
      const bytes = Number(wasm.peek(size, "i64"))
      raw.sqlite3_free(size)
      return { pointer, size: pointer === 0 ? 0 : bytes }
    },
    realloc: (pointer, bytes) => raw.sqlite3_realloc64(pointer, BigInt(bytes)),
    msize: (pointer) => Number(raw.sqlite3_msize(pointer)),
    free: raw.sqlite3_free,
    scratch: (bytes) => {
      // There is always some memory: a null pointer would bind NULL instead of an empty text or blob.
      if (bytes > scratchBytes || scratchBytes === 0) {
        const capacity = Math.max(bytes, 4096)
        const pointer = raw.sqlite3_realloc64(scratch, BigInt(capacity))
        if (pointer === 0) throw noMemory()
        scratch = pointer
        scratchBytes = capacity
      }
      return scratch
    },
    endScratch: () => {
      if (scratchBytes <= KEPT_SCRATCH) return
      raw.sqlite3_free(scratch)
      scratch = scratchBytes = 0
    },
  }
}
