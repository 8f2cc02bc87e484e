/** Objects in one SQLite file: a whole repository that an app embeds, copies or mails as a single file. */
import { closeSync, existsSync, fchmodSync, openSync } from "node:fs"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  type ObjectInfo,
  ObjectStore,
  type ObjectWriter,
  type Range,
  StoreError,
  type StoreGuarantees,
  type Whole,
  type WriteOptions,
} from "../../../stages/store/store.ts"
import {
  alreadyExists,
  directoryError,
  nameError,
  notFound,
  resolvePart,
  writerError,
} from "../../../stages/store/name.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"

/** How to open a file as a store. */
export interface SqliteStoreOptions {
  /** Make the file when it is not there. Otherwise its absence is an error. */
  readonly create?: boolean
}

/** What it guarantees, wherever it is. */
export const sqliteGuarantees: StoreGuarantees = { connections: 1, atomicCreate: true, durable: true }

/** `PRAGMA application_id` of such files: "PENS". */
const APPLICATION = 0x50454e53
/** `PRAGMA user_version`. */
const VERSION = 1
/** Bytes of an object in a row: SQLite reads and writes rows whole. */
const PIECE_BYTES = 256 << 10
/** The row of piece n of object o is o * 2^20 + n, so an object has 256 GiB at most. */
const PIECES = 1 << 20
/** How long to wait for another process that writes, in milliseconds. */
const BUSY_MS = 60_000
/** What was started this long ago, in milliseconds, and never finished is removed. */
const STALE_MS = 24 * 3_600_000
/** Objects listed at a time. */
const PAGE = 512

// An object without a name is not finished. Freed pages are used again; the file does not shrink.
const SCHEMA = `
CREATE TABLE object (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  size INTEGER NOT NULL,
  started INTEGER NOT NULL
) STRICT;
CREATE TABLE piece (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
PRAGMA application_id = ${APPLICATION};
PRAGMA user_version = ${VERSION};
`

/** Every statement that the store runs. */
const prepare = (db: DatabaseSync) => ({
  start: db.prepare("INSERT INTO object (name, size, started) VALUES (NULL, 0, ?)"),
  piece: db.prepare("INSERT INTO piece (id, bytes) VALUES (?, ?)"),
  free: db.prepare("DELETE FROM piece WHERE id >= ? AND id < ?"),
  forget: db.prepare("DELETE FROM object WHERE id = ?"),
  publish: db.prepare("UPDATE object SET name = ?, size = ? WHERE id = ?"),
  find: db.prepare("SELECT id, size FROM object WHERE name = ?"),
  read: db.prepare("SELECT bytes FROM piece WHERE id >= ? AND id <= ? ORDER BY id"),
  list: db.prepare("SELECT name, size FROM object WHERE name > ? AND name < ? ORDER BY name LIMIT ?"),
  stale: db.prepare("SELECT id FROM object WHERE name IS NULL AND started < ?"),
})

const store = (db: DatabaseSync, location: string): ObjectStore => {
  const sql = prepare(db)
  const attempt = <A>(doing: string, name: string, run: () => A): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      const error = nameError(name)
      if (error !== undefined) return Effect.fail(error)
      try {
        return Effect.succeed(run())
      } catch (cause) {
        return Effect.fail(sqliteError(doing, name, location, cause))
      }
    })

  const find = (name: string): { readonly id: number; readonly size: number } => {
    const row = sql.find.get(name) as { id: number; size: number } | undefined
    if (row === undefined) throw notFound(name, location)
    return row
  }
  const start = (): number => Number(sql.start.run(Date.now()).lastInsertRowid)
  const discard = (id: number): void => {
    sql.free.run(id * PIECES, (id + 1) * PIECES)
    sql.forget.run(id)
  }
  const publish = (id: number, name: string, size: number, replace: boolean): void => {
    const before = sql.find.get(name) as { id: number } | undefined
    if (before !== undefined) {
      if (!replace) throw alreadyExists(name, location)
      discard(before.id)
    }
    sql.publish.run(name, size, id)
  }
  const read = (name: string, part: Range | Whole): Uint8Array => {
    const { id, size } = find(name)
    const found = resolvePart(name, location, size, part)
    if (found instanceof StoreError) throw found
    const out = new Uint8Array(found.length)
    if (found.length === 0) return out
    const first = Math.floor(found.offset / PIECE_BYTES)
    const last = Math.floor((found.offset + found.length - 1) / PIECE_BYTES)
    let at = first * PIECE_BYTES - found.offset
    for (const { bytes } of sql.read.all(id * PIECES + first, id * PIECES + last) as Array<{ bytes: Uint8Array }>) {
      const skip = Math.max(0, -at)
      out.set(bytes.subarray(skip, skip + out.length - Math.max(0, at)), Math.max(0, at))
      at += bytes.length
    }
    if (at >= found.length) return out
    throw new StoreError({
      reason: "corrupt",
      object: name,
      message: `A part of "${name}" in ${location} is missing: the file is damaged`,
    })
  }

  const create = Effect.fnUntraced(function* (
    name: string,
    options?: WriteOptions,
  ): Effect.fn.Return<ObjectWriter, StoreError, Scope.Scope> {
    let state: "whole" | "broken" | "finished" = "whole"
    let size = 0
    let pieces = 0
    const held = new Uint8Array(PIECE_BYTES)
    const id = yield* Effect.acquireRelease(
      attempt("write", name, start),
      (id) =>
        state === "finished" ? Effect.void : Effect.ignore(attempt("write", name, () => inOne(db, () => discard(id)))),
    )
    const write = (bytes: Uint8Array): void => {
      sql.piece.run(pieceOf(name, location, id, pieces++), bytes)
    }
    const use = (run: () => void) =>
      attempt("write", name, () => {
        if (state !== "whole") throw writerError(name, state)
        state = "broken"
        run()
        if (state === "broken") state = "whole"
      })
    return {
      append: (bytes) =>
        use(() =>
          inOne(db, () => {
            for (let at = 0; at < bytes.length;) {
              const filled = size % PIECE_BYTES
              const take = Math.min(bytes.length - at, PIECE_BYTES - filled)
              held.set(bytes.subarray(at, at + take), filled)
              at += take
              size += take
              if (filled + take === PIECE_BYTES) write(held)
            }
          })
        ),
      commit: use(() => {
        inOne(db, () => {
          if (size % PIECE_BYTES > 0) write(held.subarray(0, size % PIECE_BYTES))
          publish(id, name, size, options?.replace ?? false)
        })
        state = "finished"
      }),
    }
  })

  return {
    properties: { ...sqliteGuarantees, location },
    put: (name, parts, options) =>
      attempt("write", name, () =>
        inOne(db, () => {
          const id = start()
          let pieces = 0
          for (const piece of piecesOf(parts)) sql.piece.run(pieceOf(name, location, id, pieces++), piece)
          publish(id, name, sizeOfParts(parts), options?.replace ?? false)
        })),
    create,
    get: (name, part) => attempt("read", name, () => inOne(db, () => read(name, part), "BEGIN")),
    stat: (name) => attempt("read", name, () => ({ name, size: find(name).size })),
    list: (directory) =>
      Stream.suspend(() => {
        const error = directoryError(directory)
        if (error !== undefined) return Stream.fail(error)
        // All names are ASCII; "0" comes after "/".
        const end = directory === "" ? "\x7f" : `${directory.slice(0, -1)}0`
        return Stream.paginate(directory, (after: string) =>
          Effect.suspend(() => {
            try {
              const page = sql.list.all(after, end, PAGE).map((row) => ({ ...row }) as unknown as ObjectInfo)
              const next = page.length < PAGE ? Option.none<string>() : Option.some(page.at(-1)!.name)
              return Effect.succeed([page, next] as const)
            } catch (cause) {
              return Effect.fail(sqliteError("list", directory, location, cause))
            }
          }))
      }),
    remove: (name) =>
      attempt("remove", name, () =>
        inOne(db, () => {
          const found = sql.find.get(name) as { id: number } | undefined
          if (found !== undefined) discard(found.id)
        })),
  }
}

const pieceOf = (name: string, location: string, id: number, piece: number): number => {
  if (piece < PIECES) return id * PIECES + piece
  throw new StoreError({
    reason: "invalid",
    object: name,
    message: `"${name}" is too long for ${location}: an object has 256 GiB at most`,
  })
}

/** The parts in pieces of equal length, but for the last. A piece may be used until the next one is asked for. */
function* piecesOf(parts: ReadonlyArray<Uint8Array>): Generator<Uint8Array> {
  const held = new Uint8Array(PIECE_BYTES)
  let filled = 0
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const take = Math.min(part.length - at, PIECE_BYTES - filled)
      if (take === PIECE_BYTES) yield part.subarray(at, at + take)
      else {
        held.set(part.subarray(at, at + take), filled)
        filled = (filled + take) % PIECE_BYTES
        if (filled === 0) yield held
      }
      at += take
    }
  }
  if (filled > 0) yield held.subarray(0, filled)
}

/** Runs in a transaction: all of it, or nothing. */
const inOne = <A>(db: DatabaseSync, run: () => A, begin = "BEGIN IMMEDIATE"): A => {
  db.exec(begin)
  try {
    const result = run()
    db.exec("COMMIT")
    return result
  } catch (error) {
    try {
      db.exec("ROLLBACK")
    } catch {
      // SQLite has rolled back by itself.
    }
    throw error
  }
}

// https://sqlite.org/rescode.html
const REASONS: Readonly<Record<number, readonly [StoreError["reason"], string]>> = {
  3: ["denied", "permission denied"],
  5: ["unavailable", "another process keeps it busy"],
  6: ["unavailable", "another process keeps it busy"],
  8: ["denied", "the file, or its directory, is read-only"],
  10: ["io", "the device reports an input/output error; check its health"],
  11: ["corrupt", "the file is damaged"],
  13: ["full", "no space is left on the device; make room and run again"],
  14: ["denied", "the file cannot be opened"],
  26: ["corrupt", "the file is not a SQLite database"],
}

const sqliteError = (doing: string, name: string, location: string, cause: unknown): StoreError => {
  if (cause instanceof StoreError) return cause
  const { errcode, message } = cause as { readonly errcode?: number; readonly message?: string }
  const [reason, why] = REASONS[(errcode ?? 0) & 0xff] ?? ["io", message ?? String(cause)]
  const what = name === "" ? location : `"${name}" in ${location}`
  return new StoreError({ reason, object: name, message: `Cannot ${doing} ${what}: ${why}`, cause })
}

/**
 * Makes the file for its owner only; those beside it take the mode from it. What keeps it from being made SQLite says.
 */
const makeFile = (path: string): void => {
  let fd: number
  try {
    fd = openSync(path, "wx", 0o600)
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== "EEXIST" || existsSync(path)) return
    throw new StoreError({
      reason: "io",
      object: "",
      message: `${path} is a symbolic link to a file that is not there: make that, or name another`,
    })
  }
  // Whatever the umask took from it.
  fchmodSync(fd, 0o600)
  closeSync(fd)
}

const openDatabase = (DatabaseOf: typeof DatabaseSync, path: string, create: boolean, now: number): DatabaseSync => {
  if (!create && !existsSync(path)) {
    throw new StoreError({ reason: "not-found", object: "", message: `There is no file ${path}` })
  }
  if (create && !existsSync(path)) makeFile(path)
  const db = new DatabaseOf(path)
  try {
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
    const number = (pragma: string): number => Number(Object.values(db.prepare(`PRAGMA ${pragma}`).get() as object)[0])
    const isNew = (): boolean => number("application_id") === 0 && number("schema_version") === 0
    if (isNew()) {
      db.exec("PRAGMA journal_mode = WAL")
      // Another process may have made it meanwhile.
      if (create) inOne(db, () => isNew() && db.exec(SCHEMA))
    }
    if (number("application_id") !== APPLICATION) {
      throw new StoreError({ reason: "corrupt", object: "", message: `${path} is not a store of Penstock` })
    }
    if (number("user_version") !== VERSION) {
      throw new StoreError({ reason: "io", object: "", message: `A later Penstock wrote ${path}: update this one` })
    }
    // What a put or commit has written survives a loss of power.
    db.exec("PRAGMA synchronous = FULL")
    const { forget, free, stale } = prepare(db)
    removeStale(db, { forget, free, stale }, now)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Removes what killed processes left unfinished. */
const removeStale = (
  db: DatabaseSync,
  sql: Readonly<Record<"forget" | "free" | "stale", StatementSync>>,
  now: number,
): void => {
  const left = sql.stale.all(now - STALE_MS) as Array<{ id: number }>
  if (left.length === 0) return
  inOne(db, () => {
    for (const { id } of left) {
      sql.free.run(id * PIECES, (id + 1) * PIECES)
      sql.forget.run(id)
    }
  })
}

const make = Effect.fnUntraced(function* (file: string, options?: SqliteStoreOptions) {
  const path = resolve(file)
  const { DatabaseSync } = yield* Effect.tryPromise({
    try: () => import("node:sqlite"),
    catch: (cause) =>
      new StoreError({
        reason: "io",
        object: "",
        message: `Cannot open ${path}: this runtime has no node:sqlite`,
        cause,
      }),
  })
  const now = yield* Clock.currentTimeMillis
  const db = yield* Effect.acquireRelease(
    Effect.try({
      try: () => openDatabase(DatabaseSync, path, options?.create ?? false, now),
      catch: (cause) => sqliteError("open", "", path, cause),
    }),
    (db) => Effect.sync(() => db.close()),
  )
  return store(db, path)
})

/**
 * A store in a SQLite file (with `-wal` and `-shm` beside it while it is open).
 *
 * - A `put` or `commit` is one transaction, synced to the disk. An object is there whole or not at all, also after a
 *   crash.
 * - Any number of processes of one machine may have it open; they write in turns, and wait up to a minute for each
 *   other. SQLite files do not belong on network file systems.
 * - Work is done on the calling thread, so it is no faster with more connections.
 * - Space of removed objects is used again, but the file does not shrink.
 * - The file is made with mode 0600, whatever the umask; those beside it have its mode.
 */
export const sqliteStore: {
  /**
   * Opens a file, until the scope closes. Fails with `not-found` when it is not there and `create` is not given,
   * `corrupt` when it is something else, `denied`, or `io`.
   */
  readonly make: (
    file: string,
    options?: SqliteStoreOptions,
  ) => Effect.Effect<ObjectStore, StoreError, Scope.Scope>
  /** The same as a layer. */
  readonly layer: (file: string, options?: SqliteStoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (file, options) => Layer.effect(ObjectStore, make(file, options)),
}
