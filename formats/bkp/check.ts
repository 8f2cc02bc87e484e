/** Verifies a repository. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { Damage } from "../../stages/store/damage.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { CheckOptions, CheckSummary } from "../repository.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { decodeConfig } from "./config.ts"
import { absent, isDamage } from "./errors.ts"
import { IdTable } from "./id_table.ts"
import { CONFIG_BYTES } from "./limits.ts"
import { CONFIG, singleName } from "./layout.ts"
import { idAt, idCount, SNAPSHOT, SNAPSHOT_BYTES } from "./objects.ts"
import { openAreas } from "./object_reader.ts"
import type { Opened } from "./opened.ts"
import type { ObjectReader } from "./object_reader.ts"
import { type ClientSnapshot, infoOf, listSnapshots } from "./snapshot.ts"
import { treeEntries, type TreeProblem } from "./tree_read.ts"

/**
 * Structure: all of `metadata/` and every packfile is read and verified, and every chunk of every file is looked up.
 * With `readData` that share of the chunks in files of their own, chosen at random, is read and verified, too.
 */
export const check: (opened: Opened, options: CheckOptions) => Effect.Effect<CheckSummary, FormatError> = Effect
  .fnUntraced(function* (opened, { only, progress, readData }) {
    const findings = new Damage()
    let missing = false
    const config = Effect.flatMap(
      absent(opened.store.get(CONFIG, { atMost: CONFIG_BYTES })),
      (bytes) =>
        catching(RepositoryError, () => {
          missing = bytes === undefined
          if (bytes !== undefined) decodeConfig(bytes)
        }),
    )
    yield* keeping(findings, CONFIG, readTwice(CONFIG, config))
    // What snapshots need is there before them: it is listed after them.
    const { damaged, snapshots } = yield* listSnapshots(opened)
    const { blocks, metadata } = yield* openAreas(opened)
    const total = blocks.index.packs.length + metadata.index.packs.length + blocks.index.size + metadata.index.size
    let done = 0
    const step = () => progress?.({ done: ++done, total })
    const bad = new Map<string, string>()
    for (const [reader, share] of [[metadata, 100], [blocks, readData]] as const) {
      // Packfiles come later, so these are the files of single objects.
      const singles = reader.index.size
      yield* Effect.forEach(Array(singles).keys(), (record) => {
        step()
        if (Math.random() * 100 >= share) return Effect.void
        const id = reader.index.id(record).slice()
        const name = reader.index.nameOf(record)
        return keeping(findings, name, reader.single(id), () => bad.set(bytesToHex(id), name))
      }, { concurrency: requestsAtOnce(opened.store), discard: true })
      yield* reader.readAll
      for (const error of reader.damaged) findings.addError(error, reader.index.area)
      done += reader.index.packs.length
      progress?.({ done, total })
    }

    // Without one the document's repositories are whole.
    if (missing && opened.config !== undefined) {
      findings.add(CONFIG, `${CONFIG} is missing; "penstock rebuild" makes it again`)
    } else if (missing && damaged.length > 0) {
      findings.add(CONFIG, `${CONFIG} is missing: if the repository was encrypted, put a copy of it back`)
    }
    for (const error of damaged) findings.addError(error, "heads/")
    if (snapshots.length === 0 && damaged.length === 0) {
      const left = yield* headless(metadata)
      if (left > 0) {
        findings.add(
          "heads/",
          `${left} snapshots are there, and no head that leads to one; "penstock rebuild" makes heads again`,
        )
      }
    }
    const blame = (id: Uint8Array): string | undefined => bad.get(bytesToHex(id)) ?? lost(blocks, id)
    // Each tree once; only when something is lost, all of every snapshot, to name what it concerns.
    const seen = new IdTable()
    const visited = (id: Uint8Array): boolean => {
      const before = seen.find(id) >= 0
      seen.set(id, 0, 0, 0)
      return before
    }
    let whole = true
    const look = (snapshot: ClientSnapshot, skip?: (id: Uint8Array) => boolean, name = false) => {
      const problem = ({ cause, message, object, path }: TreeProblem) => {
        whole = false
        const to = culprit(metadata, object)
        findings.add(to, message, cause)
        if (name) findings.addFile(to, snapshot.id, path, message)
      }
      return Stream.runForEachArray(
        treeEntries(metadata, snapshot.snapshot.root, problem, skip),
        (entries) =>
          Effect.sync(() => {
            for (const { ids, path } of entries) {
              for (let i = 0; i < idCount(ids); i++) {
                const object = blame(idAt(ids, i))
                if (object === undefined) continue
                whole = false
                findings.add(object, "Chunks of files are in no readable file of blocks/")
                if (name) findings.addFile(object, snapshot.id, path)
              }
            }
          }),
      ).pipe((walk) => keeping(findings, snapshot.id, walk))
    }
    const chosen = only === undefined ? snapshots : snapshots.filter((snapshot) => only(infoOf(snapshot)))
    for (const snapshot of chosen) yield* look(snapshot, visited)
    if (!whole) { for (const snapshot of chosen) yield* look(snapshot, undefined, true) }
    return {
      snapshots: chosen.length,
      packs: blocks.index.packs.length + metadata.index.packs.length,
      chunks: blocks.index.size,
      bytesRead: blocks.bytesRead + metadata.bytesRead,
      findings: findings.findings,
    }
  })

/** How many snapshots there are, whether or not a head leads to them. */
const headless = Effect.fnUntraced(function* (metadata: ObjectReader) {
  let count = 0
  for (let record = 0; record < metadata.index.size; record++) {
    if (!SNAPSHOT_BYTES.includes(metadata.index.byteLength(record))) continue
    const bytes = yield* Effect.catchIf(
      metadata.read(metadata.index.id(record).slice()),
      isDamage,
      () => Effect.succeed(new Uint8Array(9)),
    )
    if (bytes[8] === SNAPSHOT && !bytes.subarray(0, 9).every((byte) => byte === 0)) count++
  }
  return count
})

/**
 * The damaged file that had an object or may have had it, or the area when there is none; undefined when the object is
 * there.
 */
const lost = ({ damaged, index }: ObjectReader, id: Uint8Array): string | undefined => {
  if (index.find(id) >= 0) return undefined
  const own = singleName(index.area, id)
  return damaged.some(({ object }) => object === own)
    ? own
    : index.damagedPack(bytesToHex(id))?.name ?? `${index.area}/`
}

/** What to blame for an object of metadata that cannot be read. */
const culprit = (metadata: ObjectReader, object: string): string =>
  metadata.index.damagedPack(object.slice(-64))?.name ?? object

/** Makes damage a finding about its object, or else about `object`. */
const keeping = (
  findings: Damage,
  object: string,
  effect: Effect.Effect<unknown, RepositoryError | StoreError>,
  then: () => void = () => {},
): Effect.Effect<void, FormatError> =>
  Effect.catch(Effect.asVoid(effect), (error) => {
    if (!isDamage(error)) return Effect.fail(error)
    findings.addError(error, object)
    then()
    return Effect.void
  })
