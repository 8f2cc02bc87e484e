/**
 * Verifies a repository. Every catalog is read whole and its tree hash computed again. The extents and the map of every
 * file are looked up in a listing, and their sizes compared. `readData` chooses the extents and maps that are read and
 * verified too. Extents that no snapshot has count as well: the next backup may use them.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId, chunkLength } from "../../stages/hash/chunk_list.ts"
import { Damage } from "../../stages/store/damage.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { chooseData } from "../data_subset.ts"
import type { CheckOptions, CheckSummary } from "../repository.ts"
import { ensureScratch } from "../scratch.ts"
import { type Catalog, type Listed, openCatalog } from "./catalog.ts"
import { type Extent, ExtentCheck, listSizes, type Sample } from "./check_extents.ts"
import { MapCheck } from "./check_maps.ts"
import { catchingDamage, orDamage } from "./errors.ts"
import { blobs, catalogName, extents, INDEX } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { catalogEntries } from "./read.ts"
import { catalogObjects, listSnapshots } from "./snapshot.ts"
import { TREE_FORMS, treeHash } from "./tree_hash.ts"

export const check = (opened: Opened, options: CheckOptions): Effect.Effect<CheckSummary, FormatError> =>
  Effect.provideService(Effect.scoped(checkRepository(opened, options)), ObjectStore, opened.store)

/** The parts of a check. */
interface Checks {
  readonly damage: Damage
  readonly extents: ExtentCheck
  readonly maps: MapCheck
}

const checkRepository = Effect.fnUntraced(function* (opened: Opened, { only, progress, readData }: CheckOptions) {
  const { store } = opened
  const damage = new Damage()
  yield* ensureScratch(opened.engine)
  const objects = yield* checkIndex(opened, damage)
  const listed = { extents: yield* listSizes(store, extents), maps: yield* listSizes(store, blobs) }
  const stored = {
    count: listed.extents.index.size + listed.maps.index.size,
    bytes: listed.extents.bytes + listed.maps.bytes,
  }
  const sample: Sample = { has: chooseData(readData, stored), bytesRead: 0 }
  const extentCheck = new ExtentCheck(opened, damage, sample, listed.extents.index, yield* opened.packing.read)
  const checks: Checks = { damage, extents: extentCheck, maps: new MapCheck(opened, sample, listed.maps.index) }
  const { total } = extentCheck
  const report = () => progress?.({ done: extentCheck.done, total })
  let passedOver = 0
  for (const [id, object] of objects) {
    const checked = Effect.flatMap(openVerified(opened, id, object), (verified) => {
      if (only?.(verified.catalog.metadata.info) !== false) return checkCatalog(checks, verified, report)
      passedOver += 1
      return Effect.void
    })
    const found = yield* orDamage(object, Effect.scoped(checked))
    if (found instanceof RepositoryError) damage.add(object, found.message, found)
  }
  checks.maps.report(damage)
  yield* extentCheck.checkRest
  progress?.({ done: total, total })
  const summary: CheckSummary = {
    snapshots: objects.length - passedOver,
    packs: total,
    chunks: total,
    bytesRead: sample.bytesRead,
    findings: damage.findings,
  }
  return summary
})

/** Compares the index with the catalogs that are there, and returns these. */
const checkIndex = Effect.fnUntraced(function* (opened: Opened, damage: Damage) {
  const { damaged, indexProblem, missing } = yield* listSnapshots(opened)
  if (indexProblem !== undefined) {
    damage.add(INDEX, `${indexProblem.message}; "penstock rebuild" writes it again`, indexProblem)
  }
  for (const error of damaged) damage.addError(error, INDEX)
  // Listed again: a catalog that was added after the first listing may be in the index.
  const objects = yield* catalogObjects(opened)
  const there = new Set(objects.map(([id]) => id))
  for (const id of missing) {
    if (there.has(id)) continue
    const object = catalogName(id)
    damage.add(
      object,
      `${object} is missing, and with it the snapshot ${
        id.slice(0, 8)
      }; if it was removed on purpose, "penstock rebuild" forgets it`,
    )
  }
  return objects
})

interface Verified {
  readonly catalog: Catalog
  /** What is wrong with it as a whole; undefined if nothing is. */
  readonly problem: string | undefined
}

/** Opens a catalog and verifies it as a whole; once more if it is wrong. */
const openVerified = (
  opened: Opened,
  id: string,
  object: string,
): Effect.Effect<Verified, FormatError, Scope.Scope> => {
  const verify = Effect.flatMap(
    openCatalog(opened, id, object),
    (catalog) => catchingDamage(object, (): Verified => ({ catalog, problem: problemOf(opened, catalog) })),
  )
  // A catalog that is wrong is a failure here, so that it is read twice.
  const right = Effect.flatMap(
    verify,
    (verified): Effect.Effect<Verified, Verified> =>
      verified.problem === undefined ? Effect.succeed(verified) : Effect.fail(verified),
  )
  return readTwice(object, right, isVerified).pipe(
    Effect.catch((error) => isVerified(error) ? Effect.succeed(error) : Effect.fail(error)),
  )
}

const isVerified = (error: Verified | FormatError): error is Verified => "catalog" in error

const problemOf = ({ hasher }: Opened, { db, extraBytes, metadata, object }: Catalog): string | undefined => {
  if (extraBytes > 0) return `${object} has ${extraBytes} bytes after the end of its database: it was altered`
  return TREE_FORMS.some((form) => treeHash(db, hasher, form) === metadata.tree)
    ? undefined
    : `The tree hash of ${object} is not that of its files: it was altered`
}

const checkCatalog = Effect.fnUntraced(function* (
  { damage, extents, maps }: Checks,
  { catalog, problem }: Verified,
  report: () => void,
) {
  const { metadata: { info }, object } = catalog
  if (problem !== undefined) damage.add(object, problem)
  const unknown = (path: string, message: string): void => {
    damage.add(object, `${object} lists what cannot be restored`)
    damage.addFile(object, info.id, path, message)
  }
  yield* Stream.runForEachArray(
    catalogEntries(catalog, unknown),
    Effect.fnUntraced(function* (entries) {
      yield* extents.check(entries.flatMap((entry) => [...extentsOf(entry)]))
      report()
      for (const entry of entries) {
        if (entry.kind !== "file") continue
        if (entry.lost !== undefined) unknown(entry.path, entry.lost)
        else if (entry.blob !== undefined) yield* maps.check(catalog, entry.blob)
        for (const { id } of extentsOf(entry)) {
          const blame = damage.blame(id)
          if (blame === undefined) continue
          damage.addFile(blame, info.id, entry.path)
          break
        }
      }
    }),
  )
})

function* extentsOf({ chunks, map }: Listed): Generator<Extent, void> {
  if (map !== undefined) yield* map.entries
  for (let i = 0; i < chunkCount(chunks); i++) yield { id: chunkId(chunks, i), length: chunkLength(chunks, i) }
}
