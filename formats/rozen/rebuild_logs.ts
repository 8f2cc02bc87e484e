/** How a rebuild uses logs: it makes catalogs of them, and writes those again that are not whole. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { catching } from "../../stages/kernel/catching.ts"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import type { Damage } from "../../stages/store/damage.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { isUnreadable } from "../../stages/store/unreadable.ts"
import type { FormatError } from "../error.ts"
import { emptyCatalog, openCatalog, storeCatalog } from "./catalog.ts"
import { listLogs, readSegment, segmentName, segmentWriter } from "./log.ts"
import { LogWriter } from "./log_write.ts"
import type { Opened } from "./opened.ts"
import { commitAgain } from "./rebuild_catalogs.ts"
import { Replay } from "./replay.ts"
import type { Segment } from "./segment.ts"
import type { SnapshotObject, SnapshotRecord } from "./snapshot.ts"

/** A log whose last segment can be read. */
export interface Log {
  readonly record: SnapshotRecord
  /** Names of its segments that are there, in order. */
  readonly segments: ReadonlyArray<string>
  /** Whether all its segments can be read. */
  readonly whole: boolean
}

/** The logs that end, by snapshot. A log without an end is of a run that was killed, which made no snapshot. */
export const readLogs: (
  opened: Opened,
  damage: Damage,
) => Effect.Effect<ReadonlyMap<string, Log>, FormatError> = Effect.fnUntraced(function* (opened, damage) {
  const logs = new Map<string, Log>()
  const read = (name: string) =>
    Effect.catchTag(readSegment(opened.store, opened.layout, name), "RepositoryError", (error) =>
      Effect.sync(() => {
        if (isUnreadable(error)) damage.addError(error, name)
        return undefined
      }))
  for (const [id, segments] of yield* listLogs(opened.store)) {
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

/**
 * The ID of a forgotten snapshot whose log is not whole, though that of `record` builds on it. Undefined when there is
 * none. `whole` has the records of whole logs by ID.
 */
export const lostBeneath = (
  record: SnapshotRecord,
  whole: ReadonlyMap<string, SnapshotRecord>,
  forgotten: ReadonlySet<string>,
): string | undefined => {
  const seen = new Set<string>()
  let { log: { full }, parent } = record
  while (!full && parent !== undefined && forgotten.has(parent)) {
    const before = whole.get(parent)
    if (before === undefined || seen.has(parent)) return parent
    seen.add(parent)
    full = before.log.full
    parent = before.parent
  }
  return undefined
}

/**
 * Makes the catalog of a snapshot from logs, starting at the nearest catalog or full log, and commits it. Gives
 * undefined when the snapshot cannot be rebuilt; `damage` then says why.
 */
export const replayLog: (
  opened: Opened,
  log: Log,
  logs: ReadonlyMap<string, Log>,
  catalogs: ReadonlyMap<string, SnapshotObject>,
  damage: Damage,
) => Effect.Effect<SnapshotObject | undefined, FormatError | SqliteError | KernelError, ObjectStore | Scope.Scope> =
  Effect.fnUntraced(function* (opened, log, logs, catalogs, damage) {
    const chain = chainOf(log, logs, catalogs, damage)
    if (chain === undefined) return undefined
    const { start } = chain
    const { db, tree } = yield* start === undefined ? emptyCatalog(opened.engine) : openCatalog(opened, start)
    yield* catching(SqliteError, () => tree.begin())
    const replay = new Replay(tree)
    const short = log.record.id.slice(0, 8)
    for (const { record, segments } of chain.logs) {
      for (let n = 0; n < record.log.segments; n++) {
        const name = segmentName(record.id, n)
        const segment = segments.includes(name) ? yield* tryToRead(opened, name, damage) : "lost"
        if (segment === "unreadable") {
          // The segment may be whole: the snapshot is rebuilt when it can be read.
          damage.add(`snapshot ${short}`, `Snapshot ${short} is not rebuilt: ${name} cannot be read`)
          return undefined
        }
        if (segment === "lost") {
          const of = record.id.slice(0, 8)
          damage.add(
            name,
            `Segment ${n} of the log of ${of} is lost: snapshot ${short} is rebuilt without what it lists`,
          )
          yield* catching(SqliteError, () => replay.lost())
          continue
        }
        yield* catching(SqliteError, () => replay.segment(segment))
      }
      yield* catching(SqliteError, () => replay.end())
    }
    yield* catching(SqliteError, () => tree.commit())
    return yield* commitAgain(opened, log.record, yield* storeCatalog(opened, db))
  })

/**
 * The logs to replay in order, after the catalog `start` or from nothing, to get the catalog of the last of them. Gives
 * undefined when one in between is lost.
 */
const chainOf = (
  log: Log,
  logs: ReadonlyMap<string, Log>,
  catalogs: ReadonlyMap<string, SnapshotObject>,
  damage: Damage,
): { readonly start?: SnapshotObject; readonly logs: ReadonlyArray<Log> } | undefined => {
  const chain: Array<Log> = [log]
  while (!chain[0]!.record.log.full) {
    const { id, parent } = chain[0]!.record
    const start = catalogs.get(parent!)
    if (start !== undefined) return { start, logs: chain }
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
  return { logs: chain }
}

const tryToRead = (
  { layout, store }: Opened,
  name: string,
  damage: Damage,
): Effect.Effect<Segment | "unreadable" | "lost", FormatError> =>
  Effect.catchTag(readSegment(store, layout, name), "RepositoryError", (error) =>
    Effect.sync(() => {
      damage.addError(error, name)
      return isUnreadable(error) ? "unreadable" as const : "lost" as const
    }))

/** Writes the log of a snapshot again from its catalog, in full, and commits the snapshot with that log. */
export const rewriteLog: (
  opened: Opened,
  snapshot: SnapshotObject,
) => Effect.Effect<SnapshotObject, FormatError | SqliteError, Scope.Scope> = Effect.fnUntraced(function* (
  opened,
  snapshot,
) {
  const { layout, store } = opened
  const { tree } = yield* openCatalog(opened, snapshot)
  for (const name of (yield* listLogs(store)).get(snapshot.record.id) ?? []) yield* store.remove(name)
  const log = yield* LogWriter.make(store, segmentWriter(store, layout, snapshot.record.id))
  yield* log.addAll(tree)
  const record = yield* log.end((segments) => ({ ...snapshot.record, log: { segments, full: true, changes: 0 } }))
  const committed = yield* commitAgain(opened, record, snapshot.catalog)
  yield* store.remove(snapshot.name)
  return committed
})
