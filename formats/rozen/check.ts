/** Verifies a repository. */
import * as Effect from "effect/Effect"
import { openPackStore, type PackStore } from "../../stages/pack/pack_store.ts"
import { packsAtOnce, requestsAtOnce } from "../../stages/store/at_once.ts"
import { Damage } from "../../stages/store/damage.ts"
import { listedOnce } from "../../stages/store/listed_once.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { wholeReads } from "../../stages/store/whole_reads.ts"
import { chooseData } from "../data_subset.ts"
import type { FormatError } from "../error.ts"
import type { CheckOptions, CheckSummary } from "../repository.ts"
import { ensureScratch } from "../scratch.ts"
import { checkAgain } from "./check_again.ts"
import { CONFIG, verifyConfig } from "./config.ts"
import { findDamagedFiles } from "./damaged_files.ts"
import { isDamage } from "./errors.ts"
import { checkKeys } from "./key_mend.ts"
import { listLogs, readSegment, segmentName } from "./log.ts"
import { type BlameFor, findLostChunks } from "./lost_chunks.ts"
import { type Opened, withCatalogs } from "./opened.ts"
import { checkEnds, checkPack, type PackState } from "./pack_check.ts"
import { lostBeneath } from "./rebuild_logs.ts"
import { SEGMENT_BYTES } from "./segment.ts"
import { infoOf, type Listed, listSnapshots, type SnapshotRecord } from "./snapshot.ts"
import { addUncommitted, uncommittedRuns } from "./uncommitted.ts"

/**
 * Reads and authenticates every object but the packs, reads header and footer of every pack, and looks up every chunk
 * of every file. The packs that `readData` chooses are read whole, and each chunk verified against its ID.
 */
export const check: (opened: Opened, options: CheckOptions) => Effect.Effect<CheckSummary, FormatError> = (
  opened,
  options,
) =>
  checkAgain(
    Effect.provideService(checkOnce(opened, options), ObjectStore, opened.store),
    listSnapshots(opened.store, opened.layout),
  )

const checkOnce = Effect.fnUntraced(function* (given: Opened, options: CheckOptions) {
  const { layout } = given
  yield* ensureScratch(given.engine)
  // A run writes what a snapshot needs before the snapshot. So the rest is listed after the snapshots, and once.
  const listed = yield* listSnapshots(given.store, layout)
  const { damaged, forgotten, snapshots } = listed
  const store = yield* listedOnce(yield* listedOnce(given.store, "DATA/"), "INDEX/")
  const damage = new Damage()
  yield* Effect.catchIf(
    verifyConfig(store, given.config),
    isDamage,
    (error) => Effect.sync(() => damage.addError(error, CONFIG)),
  )
  for (const error of yield* checkKeys(store, given.opening)) damage.addError(error, "KEYS/")

  const [data, catalogs] = yield* Effect.provideService(
    Effect.all([openPackStore(layout.data), openPackStore(layout.catalogs)], { concurrency: 2 }),
    ObjectStore,
    store,
  )
  for (const known of [data, catalogs]) {
    for (const error of known.damaged) damage.addError(error, error.object)
  }
  const opened = { ...given, store: keepingCatalogs(store, catalogs) }
  const { blameFor, bytesRead, chunks } = yield* checkPacks(opened, data, catalogs, damage, options)

  for (const error of damaged) damage.addError(error, "INDEX/")
  for (const error of forgotten.problems) damage.addError(error, "FORGOTTEN/")
  const whole = yield* checkLogs(opened, listed, damage)

  const { only } = options
  const chosen = only === undefined ? snapshots : snapshots.filter(({ record }) => only(infoOf(record)))
  yield* findDamagedFiles(yield* withCatalogs(opened, catalogs), chosen, damage, blameFor)
  // A run may have committed since the snapshots were listed.
  if (uncommittedRuns(whole, listed).length > 0) {
    addUncommitted(damage, uncommittedRuns(whole, yield* listSnapshots(given.store, layout)))
  }
  const summary: CheckSummary = {
    snapshots: chosen.length,
    packs: data.packs.length + catalogs.packs.length,
    chunks,
    bytesRead,
    findings: damage.findings,
  }
  return { summary, snapshots }
})

/**
 * Bytes of packs of catalogs that are kept in memory. Each pack is verified first, and then read for one snapshot after
 * another.
 */
const KEPT_BYTES = 36 << 20

/** The store, which fetches packs of catalogs once when it is remote. */
const keepingCatalogs = (store: ObjectStore, { packs }: PackStore): ObjectStore => {
  if (store.properties.remote !== true) return store
  const sizes = new Map(packs.map(({ object, size }) => [object, size]))
  return { ...store, ...wholeReads(store, { sizeOf: (name) => sizes.get(name), bytes: KEPT_BYTES }) }
}

/** Checks all packs. */
const checkPacks = Effect.fnUntraced(function* (
  opened: Opened,
  data: PackStore,
  catalogs: PackStore,
  damage: Damage,
  { progress, readData }: CheckOptions,
) {
  const packs = [
    ...data.packs.map((pack) => ({ pack, kind: "data" as const })),
    ...catalogs.packs.map((pack) => ({ pack, kind: "catalogs" as const })),
  ]
  const bytes = packs.reduce((sum, { pack }) => sum + pack.size, 0)
  const chosen = chooseData(readData, { count: packs.length, bytes })
  let bytesRead = 0
  let done = 0
  const verify = ({ kind, pack }: (typeof packs)[number]) =>
    Effect.suspend(() => {
      const whole = chosen(pack.object)
      bytesRead += whole ? pack.size : 0
      return whole ? checkPack(opened, kind, pack) : checkEnds(opened, kind, pack)
    }).pipe(Effect.tap(() => Effect.sync(() => progress?.({ done: ++done, total: packs.length }))))
  const atOnce = readData !== 0 || opened.store.properties.remote !== true
    ? packsAtOnce(opened.store, opened.layout.data.size)
    : requestsAtOnce(opened.store)
  progress?.({ done, total: packs.length })
  const states = yield* Effect.forEach(packs, verify, { concurrency: atOnce })

  const blameFor = yield* findLostChunks(opened, data, states.slice(0, data.packs.length))
  let chunks = 0
  for (const [i, { kind, pack }] of packs.entries()) {
    const state = states[i]!
    chunks += state.chunks
    if (state.problem === undefined) continue
    const isElsewhere = kind === "data" && isAllElsewhere(state, blameFor)
    damage.add(
      pack.object,
      isElsewhere ? `${state.problem}; other packs have them, so nothing is lost` : state.problem,
      state,
    )
  }
  return { blameFor, bytesRead, chunks }
})

/** Whether a pack has bad chunks, and none of them is lost. */
const isAllElsewhere = ({ bad }: PackState, blameFor: BlameFor): boolean =>
  bad !== "all" && bad.length > 0 && bad.every((id) => blameFor(id) === undefined)

/** Checks all logs. Gives the records of those that are whole. */
const checkLogs = Effect.fnUntraced(function* (
  { layout, store }: Opened,
  { forgotten: { ids: forgotten }, snapshots }: Listed,
  damage: Damage,
) {
  const logs = yield* listLogs(store)
  for (const { record } of snapshots) {
    for (let n = 0; n < record.log.segments; n++) {
      const name = segmentName(record.id, n)
      if (logs.get(record.id)?.includes(name) !== true) {
        damage.add(name, `${name} is missing; "penstock rebuild" makes it again`)
      }
    }
  }
  const whole = new Map<string, SnapshotRecord>()
  for (const [id, names] of logs) {
    // The records of changes are not kept: a log may be long.
    const records = yield* Effect.forEach(
      names,
      (name) =>
        readSegment(store, layout, name).pipe(
          Effect.map((segment) => segment.record ?? "more" as const),
          Effect.catchTag("RepositoryError", (error) =>
            Effect.sync(() => {
              // The log of a forgotten snapshot matters only where that of another builds on it.
              if (!forgotten.has(id)) damage.addError(error, name)
              return "damaged" as const
            })),
        ),
      { concurrency: packsAtOnce(store, SEGMENT_BYTES) },
    )
    const last = records.at(-1)
    if (typeof last !== "object" || last.id !== id || records.includes("damaged")) continue
    if (last.log.segments === records.length) whole.set(id, last)
  }
  for (const { record } of snapshots) {
    const lost = lostBeneath(record, whole, forgotten)
    if (lost === undefined) continue
    const short = record.id.slice(0, 8)
    const forgottenOne = lost.slice(0, 8)
    damage.add(
      `snapshot ${short}`,
      `The log of snapshot ${forgottenOne}, which was forgotten, is not whole, and that of ${short} builds on it; ` +
        `"penstock rebuild" writes the log of ${short} again in full`,
    )
  }
  return [...whole.values()]
})
