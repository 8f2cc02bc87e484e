/**
 * Makes everything but the packs again: indexes from the packs, catalogs from the logs, logs from the catalogs, and the
 * config from the key.
 */
import * as Effect from "effect/Effect"
import { lostPackOf, openPackStore } from "../../stages/pack/pack_store.ts"
import { reindex } from "../../stages/pack/reindex.ts"
import { Damage } from "../../stages/store/damage.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { isUnreadable } from "../../stages/store/unreadable.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { RebuildSummary } from "../repository.ts"
import { ensureScratch } from "../scratch.ts"
import { mendConfig } from "./config.ts"
import { findDamagedFiles } from "./damaged_files.ts"
import { type DamagedPack, findDamagedPacks, withoutPacks } from "./damaged_packs.ts"
import { fromStageError } from "./errors.ts"
import { mendEpochs } from "./key_mend.ts"
import { LOST } from "./lost_chunks.ts"
import type { Opened } from "./opened.ts"
import { findCatalogs, type Found } from "./rebuild_catalogs.ts"
import { lostBeneath, readLogs, replayLog, rewriteLog } from "./rebuild_logs.ts"
import { infoOf, listSnapshots, type SnapshotObject } from "./snapshot.ts"

/** Rebuilds the repository. What a later version wrote is not understood: then nothing is done. */
export const rebuild: (opened: Opened) => Effect.Effect<RebuildSummary, FormatError> = (opened) =>
  rebuildAll(opened).pipe(
    Effect.mapError(fromStageError("a rebuilt catalog")),
    Effect.provideService(ObjectStore, opened.store),
  )

const rebuildAll = Effect.fnUntraced(function* (opened: Opened) {
  const { layout, store } = opened
  const damage = new Damage()

  // Catalogs are opened one at a time. Nothing is touched before there is room for the largest.
  const listed = yield* listSnapshots(store, layout)
  yield* ensureScratch(opened.engine, listed.snapshots.reduce((most, { catalog }) => Math.max(most, catalog.size), 0))
  const damagedPacks = yield* findDamagedPacks(opened)
  yield* refuseNewer(opened, damagedPacks)
  yield* mendConfig(store, opened.config)
  yield* mendEpochs(store, opened.opening)
  // After the reindexing nothing tells any more which chunks lost packs had.
  const lostPack = lostPackOf((yield* openPackStore(layout.data)).lost)
  const data = yield* reindex(layout.data)
  for (const error of data.lost) damage.addError(error, error.object)

  // From here on nothing that is written relies on pages in damaged packs. The whole pages in them are still read.
  const into = withoutPacks(opened, damagedPacks)
  const pages = yield* Effect.provideService(reindex(layout.catalogs), ObjectStore, into.store)

  const found = yield* findCatalogs(opened, into)
  for (const error of found.forgotten.problems) damage.addError(error, "FORGOTTEN/")
  const rebuilt = yield* rebuildSnapshots(opened, into, found, damage)
  yield* removeReplaced(opened, found, rebuilt, damagedPacks, damage)

  const snapshots = [...rebuilt.values()].sort((a, b) => a.record.time - b.record.time)
  const known = yield* openPackStore(layout.data)
  yield* findDamagedFiles(
    into,
    snapshots,
    damage,
    (id) => known.index.get(id) === undefined ? lostPack(id) ?? LOST : undefined,
  )
  const summary: RebuildSummary = {
    snapshots: snapshots.filter((snapshot) => found.good.get(snapshot.record.id) !== snapshot)
      .map(({ record }) => infoOf(record)),
    packsIndexed: data.added + pages.added,
    findings: damage.findings,
  }
  return summary
})

/** Fails with `newer` when a later version wrote any object. */
const refuseNewer = Effect.fnUntraced(
  function* ({ layout, store }: Opened, damagedPacks: ReadonlyMap<string, DamagedPack>) {
    const { damaged: snapshots, forgotten } = yield* listSnapshots(store, layout)
    const damaged = [
      ...(yield* openPackStore(layout.data)).damaged,
      ...(yield* openPackStore(layout.catalogs)).damaged,
      ...snapshots,
      ...forgotten.problems,
      ...[...damagedPacks].map(([object, { message, newer }]) => ({
        object,
        message,
        reason: newer ? "newer" : "corrupt",
      })),
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

/**
 * Makes the catalogs of snapshots that have none from their logs, and the logs that are not whole from catalogs. Gives
 * all snapshots that have a catalog now, by ID. `into` is the repository without its damaged packs.
 */
const rebuildSnapshots = Effect.fnUntraced(function* (opened: Opened, into: Opened, found: Found, damage: Damage) {
  const { forgotten, good } = found
  const logs = yield* readLogs(opened, damage)
  const rebuilt = new Map<string, SnapshotObject>(good)
  for (const log of [...logs.values()].sort((a, b) => a.record.time - b.record.time)) {
    if (rebuilt.has(log.record.id) || forgotten.ids.has(log.record.id)) continue
    const snapshot = yield* Effect.scoped(replayLog(into, log, logs, rebuilt, damage))
    if (snapshot !== undefined) rebuilt.set(log.record.id, snapshot)
  }
  // A log may build on those of forgotten snapshots, which nothing makes whole again.
  const whole = new Map([...logs].flatMap(([id, log]) => log.whole ? [[id, log.record]] : []))
  for (const [id, snapshot] of good) {
    if (whole.has(id) && lostBeneath(snapshot.record, whole, forgotten.ids) === undefined) continue
    rebuilt.set(id, yield* Effect.scoped(rewriteLog(into, snapshot)))
  }
  return rebuilt
})

/**
 * Removes objects that cannot be read, once everything that they may have been is there again. Objects that may be
 * whole stay: another disk, or another user, may be able to read them.
 */
const removeReplaced = Effect.fnUntraced(function* (
  { store }: Opened,
  found: Found,
  rebuilt: ReadonlyMap<string, SnapshotObject>,
  damagedPacks: ReadonlyMap<string, DamagedPack>,
  damage: Damage,
) {
  let kept = 0
  for (const { name, record } of found.lost) {
    if (rebuilt.has(record.id)) yield* store.remove(name)
    else {
      kept++
      const short = record.id.slice(0, 8)
      damage.add(name, `Snapshot ${short} cannot be rebuilt: parts of its catalog and of its log are lost`)
    }
  }
  // A damaged object may have been any of the snapshots that no readable object names.
  const named = new Set([...found.good.keys(), ...found.lost.map(({ record }) => record.id)])
  const unnamed = [...rebuilt.keys()].filter((id) => !named.has(id)).length
  for (const error of found.damaged) {
    const name = error.object!
    if (isUnreadable(error)) damage.addError(error, name)
    else if (unnamed >= found.damaged.length) yield* store.remove(name)
    else {
      kept++
      damage.add(name, `${name} cannot be read, and no log has the snapshot that it was`)
    }
  }
  for (const [name, pack] of damagedPacks) {
    if (isUnreadable(pack)) damage.add(name, pack.message, pack)
    else if (kept === 0) yield* store.remove(name)
  }
})
