/**
 * `INDEX/<NN>.idx`: the record and the whole catalog of a run. Writing it is what makes the run a snapshot. SPEC.md,
 * "INDEX".
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type SqliteDatabase, SqliteError } from "../../../stages/catalog/sqlite/sqlite.ts"
import { catching } from "../../../stages/kernel/catching.ts"
import { requestsAtOnce } from "../../../stages/store/at_once.ts"
import { readTwice } from "../../../stages/store/second_read.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { isGone, RepositoryError } from "../../error.ts"
import { type Catalog, catalogIn } from "../catalog.ts"
import { fromSqliteError } from "../errors.ts"
import { ENCRYPTION } from "../header.ts"
import {
  decodeRecord,
  encodeRecord,
  firstFree,
  lookWhileReplaced,
  oldestFirst,
  type SnapshotRecord,
  type Snapshots,
} from "../snapshot.ts"
import { indexNumber, indexObject } from "./layout.ts"
import { openObject } from "./object_read.ts"
import { startObject } from "./object_write.ts"
import type { Opened } from "./opened.ts"

/** Bytes of the SQLite file that are handed on at once. */
const PAGES_BYTES = 1 << 20

/** A snapshot as it is in INDEX. */
export interface SnapshotObject {
  readonly name: string
  readonly record: SnapshotRecord
}

/** Reads the records of all snapshots that INDEX has, but not their catalogs. */
export const listSnapshots = (
  opened: Opened,
): Effect.Effect<Snapshots<SnapshotObject>, RepositoryError | StoreError> =>
  lookWhileReplaced(opened.store, (store) => look({ ...opened, store }))

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
  const next = objects.length === 0 ? 0 : indexNumber(objects.at(-1)!.name)! + 1
  return { snapshots: oldestFirst(read), damaged, gone, next }
})

/** Opens the catalog of a snapshot. */
export const openCatalog = (
  opened: Opened,
  { name }: SnapshotObject,
): Effect.Effect<Catalog, RepositoryError | StoreError, Scope.Scope> =>
  readTwice(
    name,
    opened.engine.open(Stream.unwrap(Effect.map(openObject(opened, "ROZE-IDX", name), ({ data }) => data))).pipe(
      Effect.flatMap(catalogIn),
      Effect.mapError((error) => error instanceof SqliteError ? fromSqliteError(name)(error) : error),
    ),
  )

/** Stores a snapshot under the first free number from `from` on. Gives the bytes stored. */
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
  const put = Effect.fnUntraced(function* (number: number) {
    const sink = yield* startObject(opened, { ...object, name: indexObject(number) })
    yield* Stream.runForEach(db.bytes(PAGES_BYTES), sink.append)
    return yield* sink.finish
  }, Effect.scoped)
  return (yield* firstFree(from, put)).stored
})
