/** Makes everything but the packs again: indexes from the packs, catalogs from the logs, logs from the catalogs, the config from the key. */
import { Effect, type Scope } from "effect"
import { attempt as attemptSqlite } from "../../stages/catalog/record.ts"
import { SqliteError } from "../../stages/catalog/sqlite.ts"
import { openTree } from "../../stages/catalog/tree.ts"
import { KernelError } from "../../stages/kernel.ts"
import { openPackStore } from "../../stages/pack/pack_store.ts"
import { reindex } from "../../stages/pack/reindex.ts"
import { ObjectStore, type StoreError } from "../../stages/pack/store.ts"
import { type FormatError, type RebuildSummary, type RepositoryError } from "../format.ts"
import { logAll, storeCatalog } from "./backup.ts"
import { CONFIG } from "./config.ts"
import { Damage, nameFiles } from "./damage.ts"
import { fromKernelError, fromSqliteError } from "./errors.ts"
import { listLogs, LogWriter, putSegment, readSegment, type Segment } from "./log.ts"
import { openCatalog, type Opened } from "./opened.ts"
import { commitSnapshot, listSnapshots, type SnapshotObject, type SnapshotRecord } from "./snapshot.ts"

export const rebuild: (opened: Opened) => Effect.Effect<RebuildSummary, FormatError> = (opened) =>
  run(opened).pipe(
    Effect.mapError((error) =>
      error instanceof KernelError
        ? fromKernelError(error)
        : error instanceof SqliteError
        ? fromSqliteError("a rebuilt catalog")(error)
        : error
    ),
    Effect.provideService(ObjectStore, opened.store),
  )

const run = Effect.fnUntraced(function* (opened: Opened) {
  const { layout, store } = opened
  const damage = new Damage()

  yield* Effect.catchTag(
    store.put(CONFIG, [opened.config]),
    "StoreError",
    (error) => error.reason === "exists" ? Effect.void : Effect.fail(error),
  )
  const data = yield* reindex(layout.data)
  for (const { message, object } of data.lost) damage.add(object, message)
  const pages = yield* reindex(layout.catalogs)

  const whole = yield* wholeSnapshots(opened)
  const logs = yield* readLogs(opened)
  const rebuilt = new Map(whole.good)
  for (const log of [...logs.values()].sort((a, b) => a.record.time - b.record.time)) {
    if (rebuilt.has(log.record.id)) continue
    const snapshot = yield* Effect.scoped(replay(opened, log, logs, rebuilt, damage))
    if (snapshot !== undefined) rebuilt.set(log.record.id, snapshot)
  }
  // What could not be opened is of no more use once every run that has a log has a catalog.
  if ([...logs.keys()].every((id) => rebuilt.has(id))) {
    for (const name of whole.bad) yield* store.remove(name)
  } else {
    for (const name of whole.bad) {
      damage.add(name, `${name} cannot be read, and not every log that could replace it is whole`)
    }
  }
  for (const [id, snapshot] of whole.good) {
    if (!logs.has(id)) rebuilt.set(id, yield* Effect.scoped(relog(opened, snapshot)))
  }

  const snapshots = [...rebuilt.values()].sort((a, b) => a.record.time - b.record.time)
  const known = yield* openPackStore(layout.data)
  yield* nameFiles(opened, snapshots, damage, (id) => known.index.get(id) !== undefined)
  const summary: RebuildSummary = {
    snapshots: snapshots.filter((snapshot) => whole.good.get(snapshot.record.id) !== snapshot)
      .map(({ record: { log: _log, ...info } }) => info),
    packsIndexed: data.added + pages.added,
    findings: damage.findings,
  }
  return summary
})

/** The snapshots whose catalogs can be opened, by ID, and the names of the other objects. */
const wholeSnapshots = Effect.fnUntraced(function* (opened: Opened) {
  const { damaged, snapshots } = yield* listSnapshots(opened.store, opened.layout)
  const good = new Map<string, SnapshotObject>()
  const bad = damaged.map(({ object }) => object!)
  for (const snapshot of snapshots) {
    const opens = yield* openCatalog(opened, snapshot).pipe(
      Effect.scoped,
      Effect.as(true),
      Effect.catchTag("RepositoryError", () => Effect.succeed(false)),
    )
    if (opens) good.set(snapshot.record.id, snapshot)
    else bad.push(snapshot.name)
  }
  return { good, bad }
})

/** A log whose last segment can be read. */
interface Log {
  readonly record: SnapshotRecord
  readonly segments: ReadonlyArray<string>
}

/** The logs that end, by snapshot. A log without an end is of a run that was killed: not a snapshot. */
const readLogs = Effect.fnUntraced(function* ({ layout, store }: Opened) {
  const logs = new Map<string, Log>()
  for (const [id, segments] of yield* listLogs(store)) {
    const last = yield* Effect.catchTag(
      readSegment(store, layout, segments.at(-1)!),
      "RepositoryError",
      () => Effect.succeed(undefined),
    )
    if (last?.record?.id === id) logs.set(id, { record: last.record, segments })
  }
  return logs
})

/** Makes the catalog of a snapshot from logs, starting at the nearest catalog or full log, and commits it. */
const replay: (
  opened: Opened,
  log: Log,
  logs: ReadonlyMap<string, Log>,
  catalogs: ReadonlyMap<string, SnapshotObject>,
  damage: Damage,
) => Effect.Effect<SnapshotObject | undefined, FormatError | SqliteError | KernelError, ObjectStore | Scope.Scope> =
  Effect.fnUntraced(
    function* (
      opened: Opened,
      log: Log,
      logs: ReadonlyMap<string, Log>,
      catalogs: ReadonlyMap<string, SnapshotObject>,
      damage: Damage,
    ) {
      const chain: Array<Log> = [log]
      let start: SnapshotObject | undefined
      while (!chain[0]!.record.log.full) {
        const { id, parent } = chain[0]!.record
        start = catalogs.get(parent!)
        if (start !== undefined) break
        const before = logs.get(parent!)
        if (before === undefined) {
          const short = log.record.id.slice(0, 8)
          damage.add(
            `snapshot ${short}`,
            `Snapshot ${short} cannot be rebuilt: the log of ${parent?.slice(0, 8)}, on which that of ${
              id.slice(0, 8)
            } builds, is lost`,
          )
          return undefined
        }
        chain.unshift(before)
      }
      const { db, tree } = yield* start === undefined ? emptyCatalog(opened) : openCatalog(opened, start)
      yield* attemptSqlite(() => tree.begin())
      for (const { record, segments } of chain) {
        for (let n = 0; n < record.log.segments; n++) {
          const name = segments.find((segment) => segment.endsWith(`/${String(n).padStart(4, "0")}.roz-log`))
          const segment = name === undefined ? undefined : yield* tryRead(opened, name, damage)
          if (segment === undefined) {
            const short = log.record.id.slice(0, 8)
            damage.add(
              name ?? `log of ${record.id}`,
              `Segment ${n} of the log of ${
                record.id.slice(0, 8)
              } is lost: snapshot ${short} is rebuilt without what it lists`,
            )
            continue
          }
          yield* attemptSqlite(() => {
            for (const change of segment.changes) tree.apply(change)
          })
        }
      }
      yield* attemptSqlite(() => tree.commit())
      const catalog = yield* storeCatalog(opened, db.bytes(4 << 20))
      return yield* commit(opened, log.record, catalog)
    },
  )

const emptyCatalog = ({ engine }: Opened): ReturnType<typeof openCatalog> =>
  engine.open().pipe(
    Effect.flatMap((db) => Effect.map(attemptSqlite(() => openTree(db)), (tree) => ({ db, tree }))),
    Effect.mapError(fromSqliteError("a rebuilt catalog")),
  )

const tryRead = (
  { layout, store }: Opened,
  name: string,
  damage: Damage,
): Effect.Effect<Segment | undefined, StoreError> =>
  Effect.catchTag(readSegment(store, layout, name), "RepositoryError", ({ message }) =>
    Effect.sync(() => {
      damage.add(name, message)
      return undefined
    }))

/** Writes the log of a snapshot again from its catalog. */
const relog = Effect.fnUntraced(function* (opened: Opened, snapshot: SnapshotObject) {
  const { layout, store } = opened
  const { tree } = yield* openCatalog(opened, snapshot)
  for (const name of (yield* listLogs(store)).get(snapshot.record.id) ?? []) yield* store.remove(name)
  const log = new LogWriter(putSegment(store, layout, snapshot.record.id))
  yield* logAll(tree, log)
  const record = yield* log.end((segments) => ({ ...snapshot.record, log: { segments, full: true, changes: 0 } }))
  const committed = yield* commit(opened, record, snapshot.catalog)
  yield* store.remove(snapshot.name)
  return committed
})

/** Commits under the next number. */
const commit: (
  opened: Opened,
  record: SnapshotRecord,
  catalog: SnapshotObject["catalog"],
) => Effect.Effect<SnapshotObject, RepositoryError | StoreError> = Effect.fnUntraced(
  function* ({ layout, store }, record, catalog) {
    const { next } = yield* listSnapshots(store, layout)
    yield* commitSnapshot(store, layout, next, record, catalog)
    const { snapshots } = yield* listSnapshots(store, layout)
    return snapshots.find(({ record: { id } }) => id === record.id)!
  },
)
