/** Verifies a repository. */
import * as Effect from "effect/Effect"
import { packsAtOnce, requestsAtOnce } from "../../stages/store/at_once.ts"
import { listedOnce } from "../../stages/store/listed_once.ts"
import { lostPackOf, openPackStore, type PackStore } from "../../stages/pack/pack_store.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { wholeReads } from "../../stages/store/whole_reads.ts"
import type { CheckOptions, CheckSummary } from "../repository.ts"
import type { FormatError } from "../error.ts"
import { ensureScratch } from "../scratch.ts"
import { CONFIG, verifyConfig } from "./config.ts"
import { Damage } from "../../stages/store/damage.ts"
import { LOST, nameFiles } from "./damage.ts"
import { isDamage } from "./errors.ts"
import { checkKeys } from "./keys.ts"
import { listLogs, readSegment, SEGMENT_BYTES, segmentName } from "./log.ts"
import { type Opened, withCatalogs } from "./opened.ts"
import { infoOf, listSnapshots, type SnapshotRecord } from "./snapshot.ts"
import { steadily } from "./steady.ts"
import { addUnnamed, unnamedLogs } from "./unnamed.ts"
import { readPack, readStructure } from "./verify.ts"

/**
 * Structure: every object but the packs is read and authenticated, of every pack the header and footer; every chunk of
 * every file is looked up. With `readData` that share of the packs, chosen at random, is read whole and each chunk
 * verified against its ID.
 */
export const check: (opened: Opened, options: CheckOptions) => Effect.Effect<CheckSummary, FormatError> = (
  opened,
  options,
) =>
  steadily(
    Effect.provideService(run(opened, options), ObjectStore, opened.store),
    listSnapshots(opened.store, opened.layout),
  )

/**
 * Packs of catalogs are verified, and then read, for one snapshot after the other: of a remote store, so many bytes of
 * them are kept.
 */
const KEPT_BYTES = 36 << 20

/** The store, of which packs of catalogs are read once, when it is remote. */
const catalogsKept = (store: ObjectStore, { packs }: PackStore): ObjectStore => {
  if (store.properties.remote !== true) return store
  const sizes = new Map(packs.map(({ object, size }) => [object, size]))
  return { ...store, ...wholeReads(store, { sizeOf: (name) => sizes.get(name), bytes: KEPT_BYTES }) }
}

const run = Effect.fnUntraced(function* (given: Opened, { only, progress, readData }: CheckOptions) {
  const { layout } = given
  yield* ensureScratch(given.engine)
  // What snapshots need is there before them: it is listed after them, and once.
  const { damaged, snapshots } = yield* listSnapshots(given.store, layout)
  const store = yield* listedOnce(yield* listedOnce(given.store, "DATA/"), "INDEX/")
  const damage = new Damage()
  yield* Effect.catchIf(
    verifyConfig(store, given.config),
    isDamage,
    (error) => Effect.sync(() => damage.addError(error, CONFIG)),
  )
  for (const error of yield* checkKeys(store)) damage.addError(error, "KEYS/")

  const [data, catalogs] = yield* Effect.provideService(
    Effect.all([openPackStore(layout.data), openPackStore(layout.catalogs)], { concurrency: 2 }),
    ObjectStore,
    store,
  )
  for (const known of [data, catalogs]) {
    for (const error of known.damaged) damage.addError(error, error.object)
  }

  const opened = { ...given, store: catalogsKept(store, catalogs) }

  const packs = [
    ...data.packs.map((pack, number) => ({ pack, number, kind: "data" as const })),
    ...catalogs.packs.map((pack, number) => ({ pack, number, kind: "catalogs" as const })),
  ]
  /** Data packs that do not even say which chunks they have: by number in the index. */
  const unreadable = new Map<number, string>()
  let bytesRead = 0
  let chunks = 0
  let done = 0
  const verify = ({ kind, pack }: (typeof packs)[number]) =>
    Effect.suspend(() => {
      const whole = readData >= 100 || Math.random() * 100 < readData
      bytesRead += whole ? pack.size : 0
      return whole ? readPack(opened, kind, pack) : readStructure(opened, kind, pack)
    }).pipe(Effect.tap(() => Effect.sync(() => progress?.({ done: ++done, total: packs.length }))))
  const atOnce = readData > 0 || store.properties.remote !== true
    ? packsAtOnce(store, layout.data.size)
    : requestsAtOnce(store)
  progress?.({ done, total: packs.length })
  const states = yield* Effect.forEach(packs, verify, { concurrency: atOnce })
  for (const [i, { kind, number, pack }] of packs.entries()) {
    const found = states[i]!
    chunks += found.chunks
    if (found.problem === undefined) continue
    damage.add(pack.object, found.problem, found)
    if (found.bad !== "all") { for (const id of found.bad) damage.addChunk(id, pack.object) }
    else if (kind === "data") unreadable.set(number, pack.object)
  }

  for (const error of damaged) damage.addError(error, "INDEX/")
  const logs = yield* listLogs(store)
  for (const { record } of snapshots) {
    for (let n = 0; n < record.log.segments; n++) {
      const name = segmentName(record.id, n)
      if (logs.get(record.id)?.includes(name) !== true) {
        damage.add(name, `${name} is missing; "penstock rebuild" makes it again`)
      }
    }
  }
  /** How logs end that are whole. */
  const ended = new Map<string, SnapshotRecord>()
  for (const [id, segments] of logs) {
    const read = yield* Effect.forEach(
      segments,
      (name) =>
        Effect.catchTag(readSegment(store, layout, name), "RepositoryError", (error) =>
          Effect.sync(() => {
            damage.addError(error, name)
            return undefined
          })).pipe(Effect.map((segment) => segment && (segment.record ?? "more"))),
      { concurrency: packsAtOnce(store, SEGMENT_BYTES) },
    )
    const last = read.at(-1)
    if (typeof last !== "object" || last.id !== id || read.includes(undefined)) continue
    if (last.log.segments === read.length) ended.set(id, last)
  }
  const lostPack = lostPackOf(data.lost)
  const chosen = only === undefined ? snapshots : snapshots.filter(({ record }) => only(infoOf(record)))
  yield* nameFiles(yield* withCatalogs(opened, catalogs), chosen, damage, (id) => {
    const number = data.index.get(id)
    return number === undefined ? lostPack(id) ?? LOST : unreadable.get(number)
  })
  // A run may have ended since the snapshots were listed.
  if (unnamedLogs(ended.values(), snapshots).length > 0) {
    addUnnamed(damage, unnamedLogs(ended.values(), (yield* listSnapshots(given.store, layout)).snapshots))
  }
  const summary: CheckSummary = {
    snapshots: chosen.length,
    packs: packs.length,
    chunks,
    bytesRead,
    findings: damage.findings,
  }
  return { summary, snapshots }
})
