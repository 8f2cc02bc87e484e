/**
 * Makes everything but the contents again: catalogs from the logs, logs from the catalogs, and the config from the key.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { SqliteError } from "../../../stages/catalog/sqlite/sqlite.ts"
import { catching } from "../../../stages/kernel/catching.ts"
import { Damage } from "../../../stages/store/damage.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { isUnreadable } from "../../../stages/store/unreadable.ts"
import type { FormatError, RepositoryError } from "../../error.ts"
import type { RebuildSummary } from "../../repository.ts"
import { ensureScratch } from "../../scratch.ts"
import { emptyCatalog } from "../catalog.ts"
import { mendConfig } from "../config.ts"
import { mendEpochs } from "../key_mend.ts"
import { fromStageError } from "../errors.ts"
import { Replay } from "../replay.ts"
import { infoOf, type SnapshotRecord } from "../snapshot.ts"
import { findDamagedFiles } from "./check.ts"
import { commitRun } from "./commit.ts"
import { presentContents } from "./content.ts"
import { isWhole, type Log, readLogObject, readLogs } from "./log.ts"
import type { Opened } from "./opened.ts"
import { recover } from "./recover.ts"
import { commitSnapshot, listSnapshots, openCatalog, type SnapshotObject } from "./snapshot.ts"

/** Rebuilds the repository. */
export const rebuild = (opened: Opened): Effect.Effect<RebuildSummary, FormatError> =>
  Effect.mapError(rebuildAll(opened), fromStageError("a rebuilt catalog"))

const rebuildAll = Effect.fnUntraced(function* (opened: Opened) {
  const { store } = opened
  const damage = new Damage()
  const sizes = Stream.runFold(store.list("INDEX/"), () => 0, (most, { size }) => Math.max(most, size))
  yield* ensureScratch(opened.engine, yield* sizes)
  yield* mendConfig(store, opened.config)
  yield* mendEpochs(store, opened.opening)
  const listed = yield* listSnapshots(opened)
  const found = yield* openableSnapshots(opened, listed.snapshots)
  const bad = [...listed.damaged, ...found.bad]
  const { damaged, logs } = yield* readLogs(opened)
  for (const error of damaged) damage.addError(error, "DATA/")
  // An object that cannot be read may be whole: another disk, or another user, may be able to read it. Nothing is
  // rebuilt without it, and it is not removed.
  const hasUnreadable = [...damaged, ...bad].some(isUnreadable)

  const rebuilt = new Set<string>()
  let lost = 0
  for (const [id, log] of logs) {
    if (found.good.has(id)) continue
    if (log.record === undefined) {
      // The log of a run that was killed has no end. But the end may be in an object that cannot be read.
      if (damaged.length > 0 || bad.length > 0) lost++
      continue
    }
    if (hasUnreadable && !isWhole(log)) {
      lost++
      continue
    }
    yield* Effect.scoped(replayLog(opened, log.record, log, damage))
    rebuilt.add(id)
  }
  for (const snapshot of found.good.values()) {
    const log = logs.get(snapshot.record.id)
    if (log !== undefined && isWhole(log)) continue
    yield* Effect.scoped(rewriteLog(opened, snapshot, log))
    rebuilt.add(snapshot.record.id)
  }
  for (const error of bad) {
    // A damaged object is of no use once every run that has a log has a catalog.
    if (error.reason === "newer" || lost > 0 || isUnreadable(error)) damage.addError(error, "INDEX/")
    else yield* store.remove(error.object!)
  }
  if (found.good.size === 0 && rebuilt.size === 0 && !hasUnreadable) {
    const id = yield* Effect.scoped(recover(opened, damage))
    if (id !== undefined) rebuilt.add(id)
  }

  const { snapshots } = yield* listSnapshots(opened)
  yield* findDamagedFiles(opened, snapshots, damage, yield* presentContents(store))
  const summary: RebuildSummary = {
    snapshots: snapshots.filter(({ record }) => rebuilt.has(record.id)).map(({ record }) => infoOf(record)),
    packsIndexed: 0,
    findings: damage.findings,
  }
  return summary
})

/** The snapshots whose catalogs can be opened, by ID, and why the others cannot. */
const openableSnapshots = Effect.fnUntraced(function* (opened: Opened, snapshots: ReadonlyArray<SnapshotObject>) {
  const good = new Map<string, SnapshotObject>()
  const bad: Array<RepositoryError> = []
  for (const snapshot of snapshots) {
    yield* openCatalog(opened, snapshot).pipe(
      Effect.scoped,
      Effect.map(() => void good.set(snapshot.record.id, snapshot)),
      Effect.catchTag(
        "RepositoryError",
        (error) =>
          error.reason === "corrupt" || error.reason === "newer"
            ? Effect.sync(() => void bad.push(error))
            : Effect.fail(error),
      ),
    )
  }
  return { good, bad }
})

/** Makes the catalog of a snapshot from the segments of its log that are there, and commits it. */
const replayLog: (
  opened: Opened,
  record: SnapshotRecord,
  log: Log,
  damage: Damage,
) => Effect.Effect<void, RepositoryError | SqliteError | StoreError, Scope.Scope> = Effect.fnUntraced(
  function* (opened, record, { segments }, damage) {
    const { db, tree } = yield* emptyCatalog(opened.engine)
    yield* catching(SqliteError, () => tree.begin())
    const replay = new Replay(tree)
    for (let number = 0; number < record.log.segments; number++) {
      const name = segments.get(number)
      if (name === undefined) {
        const short = record.id.slice(0, 8)
        damage.add(
          `log of ${short}`,
          `Segment ${number} of the log of ${short} is lost: the snapshot is rebuilt without what it lists`,
        )
        yield* catching(SqliteError, () => replay.lost())
        continue
      }
      const segment = yield* readLogObject(opened, name)
      yield* catching(SqliteError, () => replay.segment(segment))
    }
    yield* catching(SqliteError, () => replay.end())
    yield* catching(SqliteError, () => tree.commit())
    yield* commitSnapshot(opened, (yield* listSnapshots(opened)).next, record, db)
  },
)

/** Writes the log of a snapshot again from its catalog, and commits the snapshot with that log. */
const rewriteLog: (
  opened: Opened,
  snapshot: SnapshotObject,
  old: Log | undefined,
) => Effect.Effect<void, FormatError | SqliteError, Scope.Scope> = Effect.fnUntraced(
  function* (opened, snapshot, old) {
    for (const name of old?.segments.values() ?? []) yield* opened.store.remove(name)
    yield* commitRun(opened, yield* openCatalog(opened, snapshot), snapshot.record)
    yield* opened.store.remove(snapshot.name)
  },
)
