/** Verifies a repository. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunkId } from "../../../stages/hash/chunk_list.ts"
import { catching } from "../../../stages/kernel/catching.ts"
import { ChunkIndex } from "../../../stages/pack/chunk_index.ts"
import { Damage } from "../../../stages/store/damage.ts"
import { readTwice } from "../../../stages/store/second_read.ts"
import type { ObjectInfo } from "../../../stages/store/store.ts"
import { chooseData } from "../../data_subset.ts"
import { type FormatError, RepositoryError } from "../../error.ts"
import type { CheckOptions, CheckSummary } from "../../repository.ts"
import { ensureScratch } from "../../scratch.ts"
import { catalogEntries } from "../catalog.ts"
import { checkAgain } from "../check_again.ts"
import { CONFIG, verifyConfig } from "../config.ts"
import { corrupt, isDamage } from "../errors.ts"
import { checkKeys } from "../key_mend.ts"
import { infoOf } from "../snapshot.ts"
import { addUncommitted, uncommittedRuns } from "../uncommitted.ts"
import { contentName, contentObject } from "./layout.ts"
import { isWhole, readLogs } from "./log.ts"
import { decodeEaMetadata, decodeFsMetadata } from "./metadata.ts"
import { openObject } from "./object_read.ts"
import type { Opened } from "./opened.ts"
import { listSnapshots, openCatalog, type SnapshotObject } from "./snapshot.ts"

/** Objects that are read at once. */
const CONCURRENCY = 4

/**
 * Reads catalogs and logs whole, reads header and metadata of every content, and looks up every file of every snapshot.
 * The contents that `readData` chooses are read whole and hashed again.
 */
export const check = (opened: Opened, options: CheckOptions): Effect.Effect<CheckSummary, FormatError> =>
  checkAgain(checkOnce(opened, options), listSnapshots(opened))

const checkOnce = Effect.fnUntraced(function* (opened: Opened, options: CheckOptions) {
  const { store } = opened
  const damage = new Damage()
  yield* ensureScratch(opened.engine)
  yield* asFinding(damage, CONFIG, verifyConfig(store, opened.config))
  for (const error of yield* checkKeys(store, opened.opening)) damage.addError(error, "KEYS/")

  // A run writes what a snapshot needs before the snapshot. So the rest is listed after the snapshots.
  const { damaged, snapshots } = yield* listSnapshots(opened)
  const { bytesRead, present, total } = yield* checkContents(opened, damage, options)

  for (const error of damaged) damage.addError(error, "INDEX/")
  const logs = yield* readLogs(opened)
  for (const error of logs.damaged) damage.addError(error, "DATA/")
  for (const { record } of snapshots) {
    for (let number = 0; number < record.log.segments; number++) {
      if (logs.logs.get(record.id)?.segments.has(number) === true) continue
      const name = `log of ${record.id.slice(0, 8)}`
      damage.add(name, `Segment ${number} of the ${name} is lost; "penstock rebuild" writes the log again`)
    }
  }
  const { only } = options
  const chosen = only === undefined ? snapshots : snapshots.filter(({ record }) => only(infoOf(record)))
  yield* findDamagedFiles(opened, chosen, damage, present)
  const ended = [...logs.logs.values()].flatMap((log) => isWhole(log) ? [log.record!] : [])
  // A run may have committed since the snapshots were listed.
  if (uncommittedRuns(ended, { snapshots }).length > 0) {
    addUncommitted(damage, uncommittedRuns(ended, yield* listSnapshots(opened)))
  }
  const summary: CheckSummary = {
    snapshots: chosen.length,
    packs: total,
    chunks: total,
    bytesRead,
    findings: damage.findings,
  }
  return { summary, snapshots }
})

/** Checks all contents. Gives which there are, `total` in number, and the bytes of those that were read whole. */
const checkContents = Effect.fnUntraced(function* (
  opened: Opened,
  damage: Damage,
  { progress, readData }: CheckOptions,
) {
  const objects = (yield* Stream.runCollect(opened.store.list("DATA/"))).filter(({ name }) =>
    contentName(name) !== undefined
  )
  const total = objects.length
  const chosen = chooseData(readData, { count: total, bytes: objects.reduce((sum, { size }) => sum + size, 0) })
  const present = new ChunkIndex(total)
  let bytesRead = 0
  let done = 0
  yield* Effect.forEach(objects, (object) =>
    Effect.gen(function* () {
      const id = hexToBytes(contentName(object.name)!)
      present.claim(id)
      const whole = chosen(object.name)
      yield* asFinding(
        damage,
        object.name,
        readTwice(object.name, checkContent(opened, object, whole)),
        () => damage.addChunk(id, object.name),
      )
      if (whole) bytesRead += object.size
      progress?.({ done: ++done, total })
    }), { concurrency: CONCURRENCY, discard: true })
  return { bytesRead, present, total }
})

const checkContent = Effect.fnUntraced(function* (opened: Opened, { name, size }: ObjectInfo, whole: boolean) {
  const { data, plain, rest, sections } = yield* openObject(opened, "ROZE-DAT", name, size)
  const entry = yield* catching(RepositoryError, () => {
    decodeEaMetadata(name, sections[1]!)
    return decodeFsMetadata(name, sections[0]!)
  })
  if (plain && rest !== entry.size) {
    return yield* corrupt(
      name,
      rest < entry.size
        ? `${name} is truncated: it has ${rest} of ${entry.size} bytes`
        : `${name} goes on after its end`,
    )
  }
  if (whole) yield* Stream.runDrain(data)
})

/** Makes damage a finding about `object`, and then calls `then`. Any other error stays. */
const asFinding = (
  damage: Damage,
  object: string,
  effect: Effect.Effect<void, FormatError>,
  then: () => void = () => {},
): Effect.Effect<void, FormatError> =>
  Effect.catchIf(effect, isDamage, (error) =>
    Effect.sync(() => {
      damage.add(object, error.message, error)
      then()
    }))

/**
 * Adds the files whose content is missing or damaged to the findings. A snapshot whose catalog cannot be opened is a
 * finding itself. `present` are the contents that are there.
 */
export const findDamagedFiles: (
  opened: Opened,
  snapshots: ReadonlyArray<SnapshotObject>,
  damage: Damage,
  present: ChunkIndex,
) => Effect.Effect<void, FormatError> = Effect.fnUntraced(function* (opened, snapshots, damage, present) {
  for (const snapshot of snapshots) {
    yield* openCatalog(opened, snapshot).pipe(
      Effect.flatMap(({ tree }) =>
        Stream.runForEachArray(catalogEntries(tree, snapshot.name), (entries) =>
          Effect.sync(() => {
            for (const { chunks, kind, path } of entries) {
              if (kind !== "file" || chunks.length === 0) continue
              const id = chunkId(chunks, 0)
              let object = damage.blame(id)
              if (object === undefined && present.get(id) === undefined) {
                object = contentObject(bytesToHex(id))
                damage.add(object, `${object} is missing`)
              }
              if (object !== undefined) damage.addFile(object, snapshot.record.id, path)
            }
          }))
      ),
      Effect.scoped,
      (effect) => asFinding(damage, snapshot.name, effect),
    )
  }
})
