/** Verifies a repository. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { Damage } from "../../stages/store/damage.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { chooseData, type ReadData } from "../data_subset.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { CheckOptions, CheckSummary } from "../repository.ts"
import { decodeConfig } from "./config.ts"
import { absent, isDamage } from "./errors.ts"
import { IdTable } from "./id_table.ts"
import { CONFIG, singleName } from "./layout.ts"
import { CONFIG_BYTES } from "./limits.ts"
import { type Areas, type ObjectReader, openAreas } from "./object_reader.ts"
import { idAt, idCount } from "./objects.ts"
import type { Opened } from "./opened.ts"
import { type ClientSnapshot, infoOf, listSnapshots, type Snapshots, storedSnapshots } from "./snapshot.ts"
import { treeEntries, type TreeProblem } from "./tree_read.ts"

/**
 * Reads and verifies all of `metadata/` and every packfile, and looks up every chunk of every file. `readData`
 * chooses the chunks in files of their own that are read and verified too, but not by size: no list tells theirs.
 */
export const check: (opened: Opened, options: CheckOptions) => Effect.Effect<CheckSummary, FormatError> = Effect
  .fnUntraced(function* (opened, { only, progress, readData }) {
    if (typeof readData === "object" && "bytes" in readData) {
      return yield* new RepositoryError({
        reason: "unsupported",
        message: "bkp cannot choose data by size: give a percentage such as 10%, or a part such as 1/10",
      })
    }
    const damage = new Damage()
    const hasConfig = yield* checkConfig(opened, damage)
    // Everything that a snapshot needs is stored before it, so the areas are listed after the snapshots.
    const listed = yield* listSnapshots(opened)
    const areas = yield* openAreas(opened)
    const { blocks, metadata } = areas
    const total = blocks.index.packs.length + metadata.index.packs.length + blocks.index.size + metadata.index.size
    let done = 0
    const step = (count: number) => progress?.({ done: done += count, total })
    yield* checkObjects(opened, metadata, 100, damage, step)
    const badChunks = yield* checkObjects(opened, blocks, readData, damage, step)

    // A repository of a program that knows only the document is whole without a config.
    if (!hasConfig && opened.config !== undefined) {
      damage.add(CONFIG, `${CONFIG} is missing; "penstock rebuild" makes it again`)
    } else if (!hasConfig && listed.damaged.length > 0) {
      damage.add(CONFIG, `${CONFIG} is missing: if the repository was encrypted, put a copy of it back`)
    }
    yield* checkHeads(listed, metadata, damage)
    const chosen = only === undefined ? listed.snapshots : listed.snapshots.filter((snapshot) => only(infoOf(snapshot)))
    yield* checkFiles(chosen, areas, badChunks, damage)
    return {
      snapshots: chosen.length,
      packs: blocks.index.packs.length + metadata.index.packs.length,
      chunks: blocks.index.size,
      bytesRead: blocks.bytesRead + metadata.bytesRead,
      findings: damage.findings,
    }
  })

/** Checks the config. False if there is none. */
const checkConfig = ({ store }: Opened, damage: Damage): Effect.Effect<boolean, FormatError> => {
  const read = Effect.flatMap(
    absent(store.get(CONFIG, { atMost: CONFIG_BYTES })),
    (bytes) =>
      catching(RepositoryError, () => {
        if (bytes !== undefined) decodeConfig(bytes)
        return bytes !== undefined
      }),
  )
  return Effect.map(intoFindings(damage, CONFIG, readTwice(CONFIG, read)), (found) => found ?? true)
}

/**
 * Reads all packfiles of an area and a share of its single objects. Returns the files of damaged ones by ID in hex,
 * without those that a packfile has, too.
 */
const checkObjects = Effect.fnUntraced(function* (
  { store }: Opened,
  reader: ObjectReader,
  readData: Exclude<ReadData, { readonly bytes: number }>,
  damage: Damage,
  step: (count: number) => void,
) {
  const { index } = reader
  const chosen = chooseData(readData, { count: index.size, bytes: 0 })
  const bad = new Map<string, string>()
  // No packfile has been read yet, so all records are those of single objects.
  yield* Effect.forEach(Array(index.size).keys(), (record) => {
    step(1)
    const name = index.nameOf(record)
    if (!chosen(name)) return Effect.void
    const id = index.id(record).slice()
    return Effect.map(intoFindings(damage, name, reader.single(id)), (bytes) => {
      if (bytes === undefined) bad.set(bytesToHex(id), name)
    })
  }, { concurrency: requestsAtOnce(store), discard: true })
  yield* reader.readAll
  for (const id of bad.keys()) if (index.packed.find(hexToBytes(id)) >= 0) bad.delete(id)
  for (const error of reader.damaged) damage.addError(error, index.area)
  step(index.packs.length)
  return bad
})

const checkHeads = Effect.fnUntraced(function* (
  { damaged, forgotten, snapshots }: Snapshots,
  metadata: ObjectReader,
  damage: Damage,
) {
  for (const error of damaged) damage.addError(error, "heads/")
  if (snapshots.length + damaged.length + forgotten > 0) return
  const { size } = (yield* storedSnapshots(metadata)).snapshots
  if (size === 0) return
  damage.add(
    "heads/",
    `There are ${size} snapshots, but no head leads to one; "penstock rebuild" makes heads again`,
  )
})

/** Looks up all chunks of all files. */
const checkFiles = Effect.fnUntraced(function* (
  snapshots: ReadonlyArray<ClientSnapshot>,
  { blocks, metadata }: Areas,
  badChunks: ReadonlyMap<string, string>,
  damage: Damage,
) {
  /** Whether the tree of a snapshot has all it needs. With `name`, the findings name the files. */
  const checkTree = Effect.fnUntraced(function* (
    { id, snapshot }: ClientSnapshot,
    { name, skip }: { readonly name: boolean; readonly skip?: (id: Uint8Array) => boolean },
  ) {
    let isWhole = true
    const report = (object: string, path: string, problem: TreeProblem | undefined) => {
      isWhole = false
      damage.add(object, problem?.message ?? "Chunks of files are in no readable file of blocks/", problem?.cause)
      if (name) damage.addFile(object, id, path, problem?.message)
    }
    const entries = treeEntries(
      metadata,
      snapshot.root,
      (problem) => report(nodeToBlame(metadata, problem.object), problem.path, problem),
      skip,
    )
    const walk = Stream.runForEachArray(entries, (entries) =>
      Effect.sync(() => {
        for (const { ids, path } of entries) {
          for (let i = 0; i < idCount(ids); i++) {
            const chunk = idAt(ids, i)
            const object = badChunks.get(bytesToHex(chunk)) ?? chunkToBlame(blocks, chunk)
            if (object !== undefined) report(object, path, undefined)
          }
        }
      }))
    yield* intoFindings(damage, id, walk)
    return isWhole
  })

  const seen = new IdTable()
  const isSeen = (id: Uint8Array): boolean => {
    const found = seen.find(id) >= 0
    seen.set(id, 0, 0, 0)
    return found
  }
  let isWhole = true
  for (const snapshot of snapshots) {
    if (!(yield* checkTree(snapshot, { name: false, skip: isSeen }))) isWhole = false
  }
  // Each tree was read once. To name all files, all trees of all snapshots are read, which may take much longer.
  if (!isWhole) { for (const snapshot of snapshots) yield* checkTree(snapshot, { name: true }) }
})

/**
 * The damaged file that had a chunk or may have had it, or the area if no file is damaged; undefined if the chunk is
 * there.
 */
const chunkToBlame = ({ damaged, index }: ObjectReader, id: Uint8Array): string | undefined => {
  if (index.find(id) >= 0) return undefined
  const own = singleName(index.area, id)
  return damaged.some(({ object }) => object === own)
    ? own
    : index.damagedPack(bytesToHex(id))?.name ?? `${index.area}/`
}

/** The damaged packfile that may have had an object of metadata, or else the name that it has in a file of its own. */
const nodeToBlame = (metadata: ObjectReader, object: string): string =>
  metadata.index.damagedPack(object.slice(-64))?.name ?? object

/** Turns damage into a finding, about the object of the error or else about `object`, and returns undefined then. */
const intoFindings = <A>(
  damage: Damage,
  object: string,
  read: Effect.Effect<A, FormatError>,
): Effect.Effect<A | undefined, FormatError> =>
  Effect.catch(read, (error) => {
    if (!isDamage(error)) return Effect.fail(error)
    damage.addError(error, object)
    return Effect.succeed(undefined)
  })
