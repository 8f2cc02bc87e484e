/** Objects in one SQLite file: a whole repository that an app embeds, copies or mails as a single file. */
import type { DatabaseSync } from "node:sqlite"
import { resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Operation } from "../../../stages/store/operation.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"
import {
  type ObjectInfo,
  ObjectStore,
  type ObjectWriter,
  StoreError,
  type StoreGuarantees,
  type WriteOptions,
} from "../../../stages/store/store.ts"
import { withDirectory, withName } from "../../../stages/store/with_name.ts"
import { makeWriterState } from "../../../stages/store/writer_state.ts"
import { discardObject, inTransaction, openDatabase, prepareStatements } from "./database.ts"
import { findObject, lookUpObject, publishObject, readObject, startObject } from "./objects.ts"
import { PIECE_BYTES, pieceId, piecesOf } from "./pieces.ts"
import { sqliteError } from "./sqlite_error.ts"

/** How to open a file as a store. */
export interface SqliteStoreOptions {
  /** Make the file if it does not exist. Otherwise that is an error. */
  readonly create?: boolean
}

/** The properties of every such store. */
export const sqliteGuarantees: StoreGuarantees = { connections: 1, atomicCreate: true, durable: true }

/** Objects that are listed with one query. */
const PAGE = 512

const makeStore = (db: DatabaseSync, location: string): ObjectStore => {
  const sql = prepareStatements(db)
  const trying = <A>(operation: Operation, work: () => A): Effect.Effect<A, StoreError> =>
    Effect.try({ try: work, catch: (cause) => sqliteError(operation, cause) })
  const operate = <A>(doing: string, name: string, work: () => A): Effect.Effect<A, StoreError> =>
    withName(name, () => trying({ doing, name, location }, work))

  const create = Effect.fnUntraced(function* (
    name: string,
    options?: WriteOptions,
  ): Effect.fn.Return<ObjectWriter, StoreError, Scope.Scope> {
    const state = makeWriterState(name)
    let size = 0
    let pieces = 0
    const held = new Uint8Array(PIECE_BYTES)
    const write = <A>(work: () => A) => operate("write", name, () => inTransaction(db, work))
    const id = yield* Effect.acquireRelease(
      operate("write", name, () => startObject(sql)),
      (id) => state.isFinished() ? Effect.void : Effect.ignore(write(() => discardObject(sql, id))),
    )
    const addPiece = (bytes: Uint8Array): void => {
      sql.addPiece.run(pieceId(name, location, id, pieces++), bytes)
    }
    return {
      append: (bytes) =>
        state.append(() =>
          write(() => {
            for (let at = 0; at < bytes.length;) {
              const filled = size % PIECE_BYTES
              const take = Math.min(bytes.length - at, PIECE_BYTES - filled)
              held.set(bytes.subarray(at, at + take), filled)
              at += take
              size += take
              if (filled + take === PIECE_BYTES) addPiece(held)
            }
          })
        ),
      commit: state.commit(() =>
        write(() => {
          if (size % PIECE_BYTES > 0) addPiece(held.subarray(0, size % PIECE_BYTES))
          publishObject(sql, location, { id, size }, name, options?.replace ?? false)
        })
      ),
    }
  })

  return {
    properties: { ...sqliteGuarantees, location },
    put: (name, parts, options) =>
      operate("write", name, () =>
        inTransaction(db, () => {
          const id = startObject(sql)
          let pieces = 0
          for (const piece of piecesOf(parts)) sql.addPiece.run(pieceId(name, location, id, pieces++), piece)
          publishObject(sql, location, { id, size: sizeOfParts(parts) }, name, options?.replace ?? false)
        })),
    create,
    get: (name, part) =>
      operate("read", name, () => inTransaction(db, () => readObject(sql, name, location, part), "BEGIN")),
    stat: (name) => operate("read", name, () => ({ name, size: findObject(sql, name, location).size })),
    list: (directory) =>
      withDirectory(directory, () => {
        // All names are ASCII, and "0" comes right after "/".
        const end = directory === "" ? "\x7f" : `${directory.slice(0, -1)}0`
        return Stream.paginate(directory, (after: string) =>
          trying({ doing: "list", name: directory, location }, () => {
            const page = sql.list.all(after, end, PAGE).map((row) => ({ ...row }) as unknown as ObjectInfo)
            const next = page.length < PAGE ? Option.none<string>() : Option.some(page.at(-1)!.name)
            return [page, next] as const
          }))
      }),
    remove: (name) =>
      operate("remove", name, () =>
        inTransaction(db, () => {
          const found = lookUpObject(sql, name)
          if (found !== undefined) discardObject(sql, found.id)
        })),
  }
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
      catch: (cause) => sqliteError({ doing: "open", name: "", location: path }, cause),
    }),
    (db) => Effect.sync(() => db.close()),
  )
  return makeStore(db, path)
})

/**
 * A store in a SQLite file, with `-wal` and `-shm` files beside it while it is open.
 *
 * - A `put` or `commit` is one transaction, synced to the disk. Readers see the whole object or nothing, also after a
 *   crash.
 * - Any number of processes of one machine may have the file open. They write in turns, and wait up to a minute for
 *   each other. Do not put the file on a network file system: SQLite's locks may not work there.
 * - The work is done on the calling thread, so several operations at once are not faster.
 * - The space of removed objects is used again, but the file does not shrink.
 * - The file and those beside it have mode 0600, whatever the umask.
 *
 * @example Keep objects in one file
 * ```ts
 * import assert from "node:assert/strict"
 * import { mkdtempSync, rmSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 * import * as Effect from "effect/Effect"
 * import { sqliteStore } from "@penstock/penstock/adapters"
 *
 * const directory = mkdtempSync(join(tmpdir(), "penstock-"))
 * await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
 *   const store = yield* sqliteStore.make(join(directory, "backup.db"), { create: true })
 *   yield* store.put("DATA/a", [Uint8Array.of(1, 2), Uint8Array.of(3)])
 *   assert.deepEqual(yield* store.stat("DATA/a"), { name: "DATA/a", size: 3 })
 * })))
 * rmSync(directory, { recursive: true })
 * ```
 */
export const sqliteStore: {
  /**
   * Opens a file until the scope closes. Fails with `not-found` if it does not exist and `create` is not set, `corrupt`
   * if it is another kind of file, `denied`, or `io`.
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
