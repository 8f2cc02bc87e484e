/** SQLite databases as objects of the store: plain, or wrapped in zstd. SPEC.md, "Wrapped catalogs". */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type SqliteDatabase, SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { zstd } from "../../stages/compress/zstd.ts"
import { zstdContent } from "../../stages/compress/zstd_stream.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError, type KernelTable, makeKernel } from "../../stages/kernel/kernel.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import type { FormatError, RepositoryError } from "../error.ts"
import { catchingDamage, corrupt, fromSqliteError } from "./errors.ts"
import { MAXIMUM_PLAIN, MAXIMUM_RATIO } from "./limits.ts"
import { type Opened, zstdOf } from "./opened.ts"

/** Bytes that are read or stored at once. */
const PIECE_BYTES = 1 << 20
/** Bytes of a database that become one zstd frame. */
const FRAME_BYTES = 32 << 20
/** The first bytes of a plain database. Objects that begin with neither magic are not read. */
const SQLITE_MAGIC: Uint8Array = new TextEncoder().encode("SQLite format 3\0")
const ZSTD_MAGIC: Uint8Array = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd)

/** What reading and writing a database needs. */
export type DatabaseAccess = Pick<Opened, "store" | "engine" | "table">

/** A database that was read from the store. */
export interface StoredDatabase {
  readonly db: SqliteDatabase
  /** Whether it is wrapped in zstd in the store. */
  readonly wrapped: boolean
  /** Bytes after the end of the database, which SQLite ignores. */
  readonly extraBytes: number
}

/** Opens the database in an object. Fails with `corrupt` if it is none. */
export const openDatabase: (
  access: DatabaseAccess,
  object: string,
) => Effect.Effect<StoredDatabase, FormatError, Scope.Scope> = Effect.fnUntraced(
  function* ({ engine, store, table }, object) {
    const { size } = yield* store.stat(object)
    const magic = yield* store.get(object, { offset: 0, length: Math.min(SQLITE_MAGIC.length, size) })
    const wrapped = ZSTD_MAGIC.every((byte, i) => magic[i] === byte)
    if (!wrapped && SQLITE_MAGIC.some((byte, i) => magic[i] !== byte)) {
      return yield* corrupt(object, `${object} is damaged: it is no SQLite database`)
    }
    const stored = readPieces(store, object, size)
    const content: Stream.Stream<Uint8Array, FormatError> = wrapped ? unwrap(stored, table, object, size) : stored
    let length = 0
    const counted = Stream.tap(content, (bytes) => Effect.sync(() => length += bytes.length))
    const db = yield* Effect.mapError(
      engine.open(counted),
      (error) => error instanceof SqliteError ? fromSqliteError(object)(error) : error,
    )
    const [used] = yield* catchingDamage(
      object,
      () => db.prepare("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").get()!,
    )
    return { db, wrapped, extraBytes: length - Number(used) }
  },
)

const readPieces = (store: ObjectStore, object: string, size: number): Stream.Stream<Uint8Array, StoreError> =>
  Stream.paginate(0, (offset: number) => {
    const length = Math.min(PIECE_BYTES, size - offset)
    const next = offset + length < size ? Option.some(offset + length) : Option.none<number>()
    return Effect.map(store.get(object, { offset, length }), (bytes) => [[bytes], next] as const)
  })

/** The content of zstd frames; holds a few MiB of it in memory at once. */
const unwrap = (
  stored: Stream.Stream<Uint8Array, StoreError>,
  table: KernelTable,
  object: string,
  size: number,
): Stream.Stream<Uint8Array, RepositoryError | StoreError> =>
  Stream.suspend(() => {
    const content = zstdContent(makeKernel(zstd(), table), Math.min(MAXIMUM_PLAIN, size * MAXIMUM_RATIO))
    const decode = (step: () => ReadonlyArray<Uint8Array>) =>
      Effect.mapError(
        catching(KernelError, step),
        (error) => corrupt(object, `${object} is damaged or altered: ${error.message}`, error),
      )
    return stored.pipe(
      Stream.mapEffect((bytes) => decode(() => content.push(bytes))),
      Stream.concat(Stream.fromEffect(Effect.suspend(() => decode(() => content.end())))),
      Stream.flattenIterable,
    )
  })

/** Stores a database as an object, if `wrap` wrapped in zstd. Returns the stored length in bytes. */
export const putDatabase: (
  opened: Opened,
  object: string,
  db: SqliteDatabase,
  options?: { readonly wrap?: boolean; readonly replace?: boolean },
) => Effect.Effect<number, SqliteError | StoreError> = Effect.fnUntraced(
  function* (opened, object, db, { replace = false, wrap = false } = {}) {
    const { encode } = makeKernel(zstdOf(opened.options), opened.table)
    const stored = wrap ? Stream.map(db.bytes(FRAME_BYTES), (bytes) => encode(bytes)) : db.bytes(PIECE_BYTES)
    const writer = yield* opened.store.create(object, { replace })
    let length = 0
    yield* Stream.runForEach(stored, (piece) => {
      length += piece.length
      return writer.append(piece)
    })
    yield* writer.commit
    return length
  },
  Effect.scoped,
)
