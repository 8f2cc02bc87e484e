/**
 * Makes everything but the packs again: indexes from the packs, catalogs from the logs, logs from the catalogs, the
 * config from the key.
 */
import { Equivalence } from "effect/Bytes"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { catching } from "../../stages/kernel/catching.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { openTree } from "../../stages/catalog/tree/tree.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { lostPackOf, openPackStore } from "../../stages/pack/pack_store.ts"
import { reindex } from "../../stages/pack/reindex.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import { isUnreadable } from "../../stages/store/unreadable.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { RebuildSummary } from "../repository.ts"
import { ensureScratch } from "../scratch.ts"
import { logAll, storeCatalog } from "./snapshot_write.ts"
import { mendConfig } from "./config.ts"
import { Damage } from "../../stages/store/damage.ts"
import { LOST, nameFiles } from "./damage.ts"
import { fromKernelError, fromSqliteError, isDamage } from "./errors.ts"
import { listLogs, LogWriter, putSegment, readSegment, type Segment, segmentName } from "./log.ts"
import { openCatalog, type Opened } from "./opened.ts"
import { commitSnapshot, infoOf, listSnapshots, type SnapshotObject, type SnapshotRecord } from "./snapshot.ts"
import { type RuinedPack, ruinedPacks, withoutPacks } from "./mend.ts"
import { Replay } from "./replay.ts"

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

  // Every catalog is opened, one at a time: nothing is touched before there is room for it.
  const listed = yield* listSnapshots(store, layout)
  yield* ensureScratch(opened.engine, listed.snapshots.reduce((most, { catalog }) => Math.max(most, catalog.size), 0))
  const ruined = yield* ruinedPacks(opened)
  yield* refuseNewer(opened, ruined)
  yield* mendConfig(store, opened.config)
  // Reindexing forgets which chunks lost packs had.
  const lostPack = lostPackOf((yield* openPackStore(layout.data)).lost)
  const data = yield* reindex(layout.data)
  for (const error of data.lost) damage.addError(error, error.object)

  // What is written from here on must not count on pages in damaged packs. Their whole pages are still read.
  const mended = withoutPacks(opened, ruined)
  const pages = yield* Effect.provideService(reindex(layout.catalogs), ObjectStore, mended.store)

  const whole = yield* wholeSnapshots(opened, mended)
  const logs = yield* readLogs(opened, damage)
  const rebuilt = new Map(whole.good)
  for (const log of [...logs.values()].sort((a, b) => a.record.time - b.record.time)) {
    if (rebuilt.has(log.record.id)) continue
    const snapshot = yield* Effect.scoped(replay(mended, log, logs, rebuilt, damage))
    if (snapshot !== undefined) rebuilt.set(log.record.id, snapshot)
  }
  for (const [id, snapshot] of whole.good) {
    if (logs.get(id)?.whole !== true) rebuilt.set(id, yield* Effect.scoped(relog(mended, snapshot)))
  }

  // What cannot be read goes when all that it may have been is there again.
  let kept = 0
  for (const { name, record } of whole.lost) {
    if (rebuilt.has(record.id)) yield* store.remove(name)
    else {
      kept++
      const short = record.id.slice(0, 8)
      damage.add(name, `Snapshot ${short} cannot be rebuilt: parts of its catalog and of its log are lost`)
    }
  }
  const named = new Set([...whole.good.keys(), ...whole.lost.map(({ record }) => record.id)])
  const unnamed = [...rebuilt.keys()].filter((id) => !named.has(id)).length
  for (const error of whole.damaged) {
    const name = error.object!
    if (isUnreadable(error)) damage.addError(error, name)
    else if (unnamed >= whole.damaged.length) yield* store.remove(name)
    else {
      kept++
      damage.add(name, `${name} cannot be read, and no log has the snapshot that it was`)
    }
  }
  for (const [name, pack] of ruined) {
    // Nothing is removed that may be all there: another disk, or another user, may be able to read it.
    if (isUnreadable(pack)) damage.add(name, pack.message, pack)
    else if (kept === 0) yield* store.remove(name)
  }

  const snapshots = [...rebuilt.values()].sort((a, b) => a.record.time - b.record.time)
  const known = yield* openPackStore(layout.data)
  yield* nameFiles(
    mended,
    snapshots,
    damage,
    (id) => known.index.get(id) === undefined ? lostPack(id) ?? LOST : undefined,
  )
  const summary: RebuildSummary = {
    snapshots: snapshots.filter((snapshot) => whole.good.get(snapshot.record.id) !== snapshot)
      .map(({ record }) => infoOf(record)),
    packsIndexed: data.added + pages.added,
    findings: damage.findings,
  }
  return summary
})

/** What a later version wrote is not damage: nothing is done then. */
const refuseNewer = Effect.fnUntraced(
  function* ({ layout, store }: Opened, ruined: ReadonlyMap<string, RuinedPack>) {
    const damaged = [
      ...(yield* openPackStore(layout.data)).damaged,
      ...(yield* openPackStore(layout.catalogs)).damaged,
      ...(yield* listSnapshots(store, layout)).damaged,
      ...[...ruined].map(([object, { message, newer }]) => ({ object, message, reason: newer ? "newer" : "corrupt" })),
    ]
    const newer = damaged.find(({ reason }) => reason === "newer")
    if (newer === undefined) return
    return yield* new RepositoryError({
      reason: "newer",
      object: newer.object!,
      message:
        `${newer.message}. Nothing was rebuilt; if it is damaged, and not from a later Penstock, remove it first`,
    })
  },
)

/** What INDEX has in the way of snapshots. */
interface Snapshots {
  /** Catalogs that can be opened, by the snapshot's ID. */
  readonly good: ReadonlyMap<string, SnapshotObject>
  /** Snapshots that are known, but whose catalogs cannot be opened. */
  readonly lost: ReadonlyArray<SnapshotObject>
  /** Why objects are no snapshots, or cannot be read. */
  readonly damaged: ReadonlyArray<RepositoryError>
}

/** Tries all catalogs. One that needs pages of damaged packs is stored again without them. */
const wholeSnapshots = Effect.fnUntraced(function* (opened: Opened, mended: Opened) {
  const { damaged, snapshots } = yield* listSnapshots(opened.store, opened.layout)
  const good = new Map<string, SnapshotObject>()
  const lost: Array<SnapshotObject> = []
  const attempt = <A, E, R>(catalog: Effect.Effect<A, E | RepositoryError, R | Scope.Scope>) =>
    Effect.scoped(catalog).pipe(
      Effect.catchIf(
        (error): error is RepositoryError & E => error instanceof RepositoryError && isDamage(error),
        () => Effect.succeed(undefined),
      ),
    )
  for (const snapshot of snapshots) {
    const found = (yield* attempt(Effect.as(openCatalog(mended, snapshot), snapshot))) ??
      (opened === mended ? undefined : yield* attempt(restore(opened, mended, snapshot)))
    if (found === undefined) lost.push(snapshot)
    else good.set(snapshot.record.id, found)
  }
  const result: Snapshots = { good, lost, damaged }
  return result
})

/** Stores a catalog again. */
const restore = Effect.fnUntraced(function* (opened: Opened, mended: Opened, snapshot: SnapshotObject) {
  const { db } = yield* openCatalog(opened, snapshot)
  const catalog = yield* storeCatalog(mended, db.bytes(4 << 20))
  if (Equivalence(catalog.chunks, snapshot.catalog.chunks)) return snapshot
  const committed = yield* commit(mended, snapshot.record, catalog)
  yield* opened.store.remove(snapshot.name)
  return committed
})

/** A log whose last segment can be read. */
interface Log {
  readonly record: SnapshotRecord
  readonly segments: ReadonlyArray<string>
  /** Whether all its segments can be read. */
  readonly whole: boolean
}

/** The logs that end, by snapshot. A log without an end is of a run that was killed: not a snapshot. */
const readLogs = Effect.fnUntraced(function* ({ layout, store }: Opened, damage: Damage) {
  const logs = new Map<string, Log>()
  const read = (name: string) =>
    Effect.catchTag(readSegment(store, layout, name), "RepositoryError", (error) =>
      Effect.sync(() => {
        if (isUnreadable(error)) damage.addError(error, name)
        return undefined
      }))
  for (const [id, segments] of yield* listLogs(store)) {
    const record = (yield* read(segments.at(-1)!))?.record
    if (record?.id !== id) continue
    let whole = segments.length === record.log.segments
    for (let n = 0; whole && n < segments.length - 1; n++) {
      whole = segments[n] === segmentName(id, n) && (yield* read(segments[n]!)) !== undefined
    }
    logs.set(id, { record, segments, whole })
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
      yield* catching(SqliteError, () => tree.begin())
      const applying = new Replay(tree)
      for (const { record, segments } of chain) {
        for (let n = 0; n < record.log.segments; n++) {
          const name = segments.find((segment) => segment === segmentName(record.id, n))
          const segment = name === undefined ? undefined : yield* tryRead(opened, name, damage)
          const short = log.record.id.slice(0, 8)
          if (segment === "unreadable") {
            // It may be all there: the snapshot is rebuilt when it can be read.
            damage.add(`snapshot ${short}`, `Snapshot ${short} is not rebuilt: ${name} cannot be read`)
            return undefined
          }
          if (segment === undefined) {
            damage.add(
              name ?? segmentName(record.id, n),
              `Segment ${n} of the log of ${
                record.id.slice(0, 8)
              } is lost: snapshot ${short} is rebuilt without what it lists`,
            )
            yield* catching(SqliteError, () => applying.lost())
            continue
          }
          yield* catching(SqliteError, () => applying.segment(segment))
        }
        yield* catching(SqliteError, () => applying.end())
      }
      yield* catching(SqliteError, () => tree.commit())
      const catalog = yield* storeCatalog(opened, db.bytes(4 << 20))
      return yield* commit(opened, log.record, catalog)
    },
  )

const emptyCatalog = ({ engine }: Opened): ReturnType<typeof openCatalog> =>
  engine.open().pipe(
    Effect.flatMap((db) => Effect.map(catching(SqliteError, () => openTree(db)), (tree) => ({ db, tree }))),
    Effect.mapError(fromSqliteError("a rebuilt catalog")),
  )

const tryRead = (
  { layout, store }: Opened,
  name: string,
  damage: Damage,
): Effect.Effect<Segment | "unreadable" | undefined, FormatError> =>
  Effect.catchTag(readSegment(store, layout, name), "RepositoryError", (error) =>
    Effect.sync(() => {
      damage.addError(error, name)
      return isUnreadable(error) ? "unreadable" : undefined
    }))

/** Writes the log of a snapshot again from its catalog. */
const relog = Effect.fnUntraced(function* (opened: Opened, snapshot: SnapshotObject) {
  const { layout, store } = opened
  const { tree } = yield* openCatalog(opened, snapshot)
  for (const name of (yield* listLogs(store)).get(snapshot.record.id) ?? []) yield* store.remove(name)
  const log = yield* LogWriter.make(store, putSegment(store, layout, snapshot.record.id))
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
