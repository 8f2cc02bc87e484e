/**
 * `INDEX/<NN>.idx`: the record and the whole catalog of a run; writing it is what makes the run a snapshot. SPEC.md,
 * "INDEX".
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import { requestsAtOnce } from "../../../stages/store/at_once.ts"
import { type SqliteDatabase, SqliteError } from "../../../stages/catalog/sqlite/sqlite.ts"
import { openTree, type Tree } from "../../../stages/catalog/tree/tree.ts"
import { readTwice } from "../../../stages/store/second_read.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { isGone, RepositoryError } from "../../error.ts"
import { fromSqliteError } from "../errors.ts"
import { ENCRYPTION } from "../header.ts"
import { decodeRecord, encodeRecord, type SnapshotRecord } from "../snapshot.ts"
import type { Opened } from "./layout.ts"
import { indexNumber, indexObject } from "./names.ts"
import { openObject } from "./object_read.ts"
import { startObject } from "./object_write.ts"

/** Bytes of the SQLite file that are handed on at once. */
const PAGES_BYTES = 1 << 20

/** A snapshot as it is in INDEX. */
export interface SnapshotObject {
  readonly name: string
  readonly record: SnapshotRecord
}

/** What INDEX has in the way of snapshots. */
export interface Snapshots {
  /** Oldest first. */
  readonly snapshots: ReadonlyArray<SnapshotObject>
  /** What cannot be read. */
  readonly damaged: ReadonlyArray<RepositoryError>
  /** The first number that no object has. */
  readonly next: number
}

/** A rebuild beside this may replace snapshots so often while they are read. */
const LOOKS = 4

/**
 * All that INDEX has: reads the records, not the catalogs. What has gone since it was listed was replaced by a rebuild,
 * under another name: then it is listed again.
 */
export const listSnapshots: (opened: Opened) => Effect.Effect<Snapshots, RepositoryError | StoreError> = Effect
  .fnUntraced(function* (opened) {
    let found = yield* look(opened)
    for (let looks = 1; found.gone && looks < LOOKS; looks++) found = yield* look(opened)
    return found
  })

const look = Effect.fnUntraced(function* (opened: Opened) {
  const objects = (yield* Stream.runCollect(opened.store.list("INDEX/")))
    .filter(({ name }) => indexNumber(name) !== undefined)
    .sort((a, b) => indexNumber(a.name)! - indexNumber(b.name)!)
  const damaged: Array<RepositoryError> = []
  let gone = false
  const read = yield* Effect.forEach(objects, ({ name, size }) =>
    openObject(opened, "ROZE-IDX", name, size).pipe(
      Effect.flatMap(({ sections }) =>
        catching(RepositoryError, () => ({ name, record: decodeRecord(name, sections[0]!) }))
      ),
      Effect.catchTag("RepositoryError", (error) =>
        Effect.sync(() => {
          if (isGone(error)) gone = true
          else damaged.push(error)
          return undefined
        })),
    ), { concurrency: requestsAtOnce(opened.store) })
  const byId = new Map<string, SnapshotObject>()
  // A snapshot that was rebuilt has a later object; that one counts.
  for (const snapshot of read) if (snapshot !== undefined) byId.set(snapshot.record.id, snapshot)
  const snapshots = [...byId.values()].sort((a, b) =>
    a.record.time - b.record.time || (a.record.id < b.record.id ? -1 : 1)
  )
  return { snapshots, damaged, gone, next: objects.length === 0 ? 0 : indexNumber(objects.at(-1)!.name)! + 1 }
})

/** Opens the catalog of a snapshot. The database is a private copy. */
export const openCatalog = (
  opened: Opened,
  { name }: SnapshotObject,
): Effect.Effect<{ readonly db: SqliteDatabase; readonly tree: Tree }, RepositoryError | StoreError, Scope.Scope> =>
  readTwice(
    name,
    opened.engine.open(Stream.unwrap(Effect.map(openObject(opened, "ROZE-IDX", name), ({ data }) => data))).pipe(
      Effect.flatMap((db) => Effect.map(catching(SqliteError, () => openTree(db)), (tree) => ({ db, tree }))),
      Effect.mapError((error) => error instanceof SqliteError ? fromSqliteError(name)(error) : error),
    ),
  )

/** Stores a snapshot under the first free number from `from` on. Returns the bytes stored. */
export const commitSnapshot: (
  opened: Opened,
  from: number,
  record: SnapshotRecord,
  db: SqliteDatabase,
) => Effect.Effect<number, SqliteError | StoreError> = Effect.fnUntraced(function* (opened, from, record, db) {
  const { hasher, encryption } = opened.layout
  const state = hasher.create()
  if (encryption === ENCRYPTION.none) {
    yield* Stream.runForEach(db.bytes(PAGES_BYTES), (bytes) => Effect.sync(() => state.update(bytes)))
  }
  const object = { magic: "ROZE-IDX", sections: [encodeRecord(record)], dataId: state.digest() } as const
  const put = Effect.fnUntraced(function* (name: string) {
    const sink = yield* startObject(opened, { ...object, name })
    yield* Stream.runForEach(db.bytes(PAGES_BYTES), sink.append)
    return yield* sink.finish
  }, Effect.scoped)
  for (let number = from;; number++) {
    const stored = yield* Effect.catchTag(
      put(indexObject(number)),
      "StoreError",
      (error) => error.reason === "exists" ? Effect.succeed(undefined) : Effect.fail(error),
    )
    if (stored !== undefined) return stored
  }
})
