/**
 * Reads a tree on demand: only the pages of the catalog that a question needs are fetched, and no SQLite engine is
 * loaded. So a browser can list a directory of a large snapshot.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../../kernel/catching.ts"
import { parentPath } from "../../walk/path.ts"
import type { RandomAccess } from "../random_access.ts"
import { SqliteError, type SqliteRow } from "../sqlite/sqlite.ts"
import type { CursorOptions, FoundRow } from "../sqlite_file/cursor.ts"
import { openSqliteFile, type SqliteFile } from "../sqlite_file/file.ts"
import type { PagesOptions } from "../sqlite_file/pages.ts"
import { IdSet } from "./id_set.ts"
import { below, nameOf } from "./nodes.ts"
import { type Owner, ownerOf, OWNERS_MAXIMUM } from "./owners.ts"
import { childPath, corruptAt, DIRECTORY, entryOf, idOf, type StoredEntry } from "./row.ts"
import { checkSchema, ROOT_ID } from "./schema.ts"

/** What is read of each entry. */
export interface ReadTreeOptions {
  /** Whether the lists of chunks are read; yes by default. Without them `chunks` is empty. */
  readonly content?: boolean
}

/** A tree that is read on demand. It does not change. */
export interface TreeReader<out E = never, out R = never> {
  /** The entry at a path; undefined when there is none. */
  readonly lookup: (path: string) => Effect.Effect<StoredEntry | undefined, SqliteError | E, R>
  /** The entries in the directory at a path, by the bytes of their names. Gives none when there is no directory. */
  readonly children: (path: string, options?: ReadTreeOptions) => Stream.Stream<StoredEntry, SqliteError | E, R>
  /**
   * All entries, or the one at `under` and everything beneath it, in the order of a walk. Gives none when there is
   * nothing at `under`. Takes one bit of memory for each entry.
   */
  readonly entries: (
    options?: ReadTreeOptions & { readonly under?: string },
  ) => Stream.Stream<StoredEntry, SqliteError | E, R>
}

/** Columns of a row. Those of an entry begin at `KIND`. */
const NAME = 1
const ID = 2
const KIND = 3
const COLUMNS = 16
const NONE: Uint8Array = new Uint8Array(0)
/** How many subdirectories of one directory are remembered at once. */
const DIRECTORIES = 1024

/**
 * Opens the tree in a catalog. Fails with {@link SqliteError} `corrupt` when the file is something else. The catalog
 * may be hostile: names, IDs and numbers are checked as those of `openTree` are, and a listing ends after as many rows
 * as there are.
 *
 * A look-up fetches about four pages for each name of the path, fewer when earlier ones are kept; a directory needs the
 * pages that its rows are in, which lie together. To read most of a catalog, fetch the file as a whole.
 *
 * @example List a directory of a catalog
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { blake3, catalog, chunk, fastcdc, hash, memorySourceLayer, ObjectStore } from "@penstock/penstock"
 * import { openTreeReader, pack, packs, sqlite, sqliteWasm, walk } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const program = Effect.gen(function* () {
 *   const { name } = yield* walk("").pipe(chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sqlite()))
 *   const store = yield* ObjectStore
 *   const object = `catalogs/${name}.sqlite`
 *   const tree = yield* openTreeReader({
 *     size: (yield* store.stat(object)).size,
 *     read: (offsets, length) => Effect.forEach(offsets, (offset) => store.get(object, { offset, length })),
 *   })
 *   return yield* Stream.runCollect(tree.children("b"))
 * })
 * const source = memorySourceLayer({ "a.txt": { content: "Hello" }, "b/c.txt": { content: "World" } })
 * const found = await Effect.runPromise(Effect.provide(program, [memoryStore.layer, sqliteWasm, source]))
 * assert.deepEqual(found.map(({ path, size }) => [path, size]), [["b/c.txt", 5]])
 * ```
 */
export const openTreeReader: <E, R>(
  catalog: RandomAccess<E, R>,
  options?: PagesOptions,
) => Effect.Effect<TreeReader<E, R>, SqliteError | E, R> = Effect.fnUntraced(
  function* <E, R>(catalog: RandomAccess<E, R>, options?: PagesOptions) {
    const file = yield* openSqliteFile(catalog, options)
    const { header, schema } = file
    const byName = schema.map(({ name, sql, type }) => [type, name, sql]).sort(([, a], [, b]) => a! < b! ? -1 : 1)
    yield* catching(SqliteError, () => checkSchema(byName, header.applicationId, header.userVersion))
    const rootOf = (name: string): number => schema.find((table) => table.name === name)!.root
    const owners = new Map<number, Owner>()
    yield* Stream.runForEach(file.rows(rootOf("owner")), ({ row, rowId }) =>
      catching(SqliteError, () => {
        const { id, owner } = ownerOf([rowId!, ...row.slice(1)])
        if (owners.size === OWNERS_MAXIMUM) throw corruptAt("", "it lists too many owners")
        owners.set(id, owner)
      }))
    return new Reader(file, rootOf("entry"), owners)
  },
)

/** A directory whose entries are being listed. */
interface Frame<E, R> {
  readonly id: number
  readonly path: string
  /** Its entries; undefined when all were met. */
  rows: { readonly next: Effect.Effect<ReadonlyArray<FoundRow>, SqliteError | E, R> } | undefined
  /** Whether only directories are wanted of them, because the others were given. */
  again: boolean
  /** Subdirectories; those from `at` on are still to be visited. */
  directories: Array<SqliteRow>
  at: number
  /** Whether there are more subdirectories. */
  more: boolean
}

class Reader<E, R> implements TreeReader<E, R> {
  readonly #file: SqliteFile<E, R>
  readonly #root: number
  readonly #owners: ReadonlyMap<number, Owner>

  constructor(file: SqliteFile<E, R>, root: number, owners: ReadonlyMap<number, Owner>) {
    this.#file = file
    this.#root = root
    this.#owners = owners
  }

  lookup(path: string): Effect.Effect<StoredEntry | undefined, SqliteError | E, R> {
    return Effect.flatMap(
      this.#find(path),
      (row) => catching(SqliteError, () => row && this.#entry(path, row, {})),
    )
  }

  children(path: string, options: ReadTreeOptions = {}): Stream.Stream<StoredEntry, SqliteError | E, R> {
    return Stream.unwrap(Effect.map(this.#directory(path), (id) => {
      if (id === undefined) return Stream.empty
      const rows = this.#rows(id, NONE, options)
      return Stream.paginate(undefined, () =>
        Effect.flatMap(rows.next, (found) =>
          catching(SqliteError, () => {
            const entries = found.map(({ row }) => this.#entry(childPath(path, row[NAME]), row, options))
            return [entries, found.length > 0 ? Option.some(undefined) : Option.none<undefined>()] as const
          })))
    }))
  }

  entries(options: ReadTreeOptions & { readonly under?: string } = {}): Stream.Stream<StoredEntry, SqliteError | E, R> {
    const { under = "" } = options
    return Stream.unwrap(Effect.gen({ self: this }, function* () {
      const row = yield* this.#find(under)
      if (row === undefined) return Stream.empty
      const top = yield* catching(SqliteError, () => this.#entry(under, row, options))
      if (top.kind !== "directory") return Stream.succeed(top)
      const id = yield* catching(SqliteError, () => idOf(under, row[ID]))
      return Stream.concat(Stream.succeed(top), this.#beneath(id, under, options))
    }))
  }

  /** Everything beneath a directory. A directory is listed once, so a circle of directories is found. */
  #beneath(id: number, path: string, options: ReadTreeOptions): Stream.Stream<StoredEntry, SqliteError | E, R> {
    return Stream.suspend(() => {
      const met = new IdSet()
      met.add(id)
      const parts = new IdSet()
      const open = (id: number, path: string): Frame<E, R> => ({
        id,
        path,
        rows: this.#rows(id, NONE, options, parts),
        again: false,
        directories: [],
        at: 0,
        more: false,
      })
      const frames = [open(id, path)]
      const step = Effect.fnUntraced(function* (this: Reader<E, R>) {
        const frame = frames[frames.length - 1]
        if (frame === undefined) return [[], Option.none<undefined>()] as const
        const entries: Array<StoredEntry> = []
        if (frame.rows !== undefined) {
          const found = yield* frame.rows.next
          yield* catching(SqliteError, () => this.#take(frame, found, met, options, entries))
          if (found.length === 0 || (frame.again && frame.more)) frame.rows = undefined
        } else if (frame.at < frame.directories.length) {
          const row = frame.directories[frame.at++]!
          yield* catching(SqliteError, () => {
            const child = childPath(frame.path, row[NAME])
            entries.push(this.#entry(child, row, options))
            frames.push(open(idOf(child, row[ID]), child))
          })
        } else if (frame.more) {
          const last = frame.directories[frame.directories.length - 1]![NAME] as Uint8Array
          // What is read again may lie in pages that were met.
          frame.rows = this.#rows(frame.id, last, options)
          frame.again = true
          frame.more = false
          frame.directories = []
          frame.at = 0
        } else frames.pop()
        return [entries, Option.some(undefined)] as const
      }.bind(this))
      return Stream.paginate(undefined, () => step())
    })
  }

  /** Sorts rows of a directory into entries that are given at once, and directories. */
  #take(
    frame: Frame<E, R>,
    found: ReadonlyArray<FoundRow>,
    met: IdSet,
    options: ReadTreeOptions,
    entries: Array<StoredEntry>,
  ): void {
    for (const { row } of found) {
      const directory = row[KIND] === DIRECTORY
      if (directory && frame.directories.length === DIRECTORIES) frame.more = true
      else if (directory || !frame.again) {
        if (!met.add(idOf(frame.path, row[ID]))) {
          throw corruptAt(frame.path, `it has an entry whose ID ${row[ID]} belongs to another`)
        }
        if (directory) frame.directories.push(row)
        else entries.push(this.#entry(childPath(frame.path, row[NAME]), row, options))
      }
    }
  }

  /** The rows of a directory whose names are above `last`. */
  #rows(id: number, last: Uint8Array, { content }: ReadTreeOptions, parts?: IdSet) {
    const options: CursorOptions = {
      // The shortest name above another is that with a zero byte at its end, which no name has.
      from: last.length === 0 ? [id] : [id, Uint8Array.of(...last, 0)],
      within: [id],
      keyColumns: 2,
      ...(content === false ? { columns: COLUMNS - 1 } : {}),
      ...(parts === undefined ? {} : { parts }),
    }
    return this.#file.cursor(this.#root, options)
  }

  #entry(path: string, row: SqliteRow, { content }: ReadTreeOptions): StoredEntry {
    if (row.length < (content === false ? COLUMNS - 1 : COLUMNS)) throw corruptAt(path, "its row is too short")
    return entryOf(path, content === false ? [...row.slice(0, COLUMNS - 1), null] : row, KIND, this.#owners)
  }

  /** The ID of the directory at a path. */
  #directory(path: string): Effect.Effect<number | undefined, SqliteError | E, R> {
    return Effect.flatMap(this.#find(path), (row) =>
      catching(
        SqliteError,
        () => row === undefined || row[KIND] !== DIRECTORY ? undefined : idOf(path, row[ID]),
      ))
  }

  /** The row of an entry. */
  readonly #find = Effect.fnUntraced(function* (this: Reader<E, R>, path: string) {
    if (path.startsWith("/")) return undefined
    const find = (parent: number, name: Uint8Array) => this.#file.find(this.#root, [parent, name])
    if (path === "") return yield* find(0, NONE)
    let parent = ROOT_ID
    for (let here = ""; here !== parentPath(path);) {
      here = below(here, path)
      const row = yield* find(parent, nameOf(here))
      if (row === undefined || row[KIND] !== DIRECTORY) return undefined
      parent = yield* catching(SqliteError, () => idOf(here, row[ID]))
    }
    return yield* find(parent, nameOf(path))
  }.bind(this))
}
