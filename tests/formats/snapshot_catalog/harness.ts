/** What the tests of snapshot catalogs share. */
import assert from "node:assert/strict"
import { Effect, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { counting, type CountingStore } from "../../../adapters/store/counting/counting.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { BackupOptions, BackupSummary, Repository, SnapshotInfo } from "../../../formats/repository.ts"
import { catalogName } from "../../../formats/snapshot_catalog/layout.ts"
import { makeSnapshotCatalog, type SnapshotCatalogOptions } from "../../../formats/snapshot_catalog/mod.ts"
import { SqliteEngine, type SqliteError, type SqliteValue } from "../../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { runFormat } from "../../suites/format/environment.ts"

export const options: BackupOptions = { paths: ["/data"], hostname: "host" }

/** Extents of a few KiB, not compressed. */
export const small: SnapshotCatalogOptions = { average: 4 << 10, compress: false }

export const walk = (tree: MemoryTree): Stream.Stream<Entry> =>
  memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** A new repository in a new store that counts requests. */
export const inRepository = <A, E>(
  use: (
    repository: Repository,
    store: CountingStore,
  ) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
  write: SnapshotCatalogOptions = small,
): Promise<A> =>
  runFormat(Effect.gen(function* () {
    const store = counting(yield* memoryStore.make())
    return yield* Effect.flatMap(makeSnapshotCatalog(write).create({}), (repository) => use(repository, store)).pipe(
      Effect.provideService(ObjectStore, store),
    )
  }))

/** The snapshot of a backup. */
export const made = (summary: BackupSummary): SnapshotInfo => summary.snapshot ?? assert.fail("There is no snapshot")

/** The name of its catalog. */
export const catalogOf = (summary: BackupSummary): string => catalogName(made(summary).id)

/** Names of the objects in a directory of a store, sorted. */
export const names = (store: ObjectStore, directory = ""): Effect.Effect<Array<string>, StoreError> =>
  Effect.map(Stream.runCollect(store.list(directory)), (all) => all.map(({ name }) => name).sort())

/** Replaces the bytes of an object. */
export const alter = (
  store: ObjectStore,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Effect.Effect<void, StoreError> =>
  Effect.flatMap(store.get(name, { atMost: Infinity }), (bytes) => store.put(name, [change(bytes)], { replace: true }))

/** The bytes of a database after some SQL. It begins empty, or with the content of `bytes`. */
export const database: (
  sql: string,
  bytes?: Uint8Array,
  inserts?: ReadonlyArray<readonly [sql: string, values: ReadonlyArray<SqliteValue>]>,
) => Effect.Effect<Uint8Array, SqliteError, SqliteEngine | Scope.Scope> = Effect.fnUntraced(function* (
  sql: string,
  bytes?: Uint8Array,
  inserts: ReadonlyArray<readonly [sql: string, values: ReadonlyArray<SqliteValue>]> = [],
) {
  const db = yield* (yield* SqliteEngine).open(bytes && Stream.succeed(bytes))
  db.exec(sql)
  for (const [insert, values] of inserts) db.prepare(insert).run(...values)
  const parts = yield* Stream.runCollect(db.bytes(1 << 20))
  return new Uint8Array(Buffer.concat(parts))
})

/** Changes a database in the store with SQL. */
export const alterDatabase: (
  store: ObjectStore,
  name: string,
  sql: string,
) => Effect.Effect<void, SqliteError | StoreError, SqliteEngine | Scope.Scope> = Effect.fnUntraced(
  function* (store: ObjectStore, name: string, sql: string) {
    const changed = yield* database(sql, yield* store.get(name, { atMost: Infinity }))
    yield* store.put(name, [changed], { replace: true })
  },
)

export const text = (text: string): Uint8Array => new TextEncoder().encode(text)
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
export const unhex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits.replaceAll(/\s/g, ""), "hex"))
