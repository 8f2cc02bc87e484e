/** Verifies a repository. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { chunkCount, chunkId, chunkLength } from "../../stages/hash/chunk_list.ts"
import { ChunkIndex, MAXIMUM_VALUE } from "../../stages/pack/chunk_index.ts"
import { Damage } from "../../stages/store/damage.ts"
import type { ObjectNames } from "../../stages/pack/objects.ts"
import type { Unpacker } from "../../stages/pack/packing.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import type { CheckOptions, CheckSummary } from "../repository.ts"
import type { FormatError, RepositoryError } from "../error.ts"
import { ensureScratch } from "../scratch.ts"
import { decodeMap, longestMap, sameMap } from "./blob_map.ts"
import { asCorrupt, type Catalog, type Listed, openCatalog } from "./catalog.ts"
import { MAXIMUM_EXTENT } from "./limits.ts"
import { corrupt, fromWriteError, isDamage } from "./errors.ts"
import { blobs, catalogName, extents, INDEX } from "./layout.ts"
import { type Opened, ZSTD } from "./opened.ts"
import { catalogEntries } from "./read.ts"
import { catalogObjects, listSnapshots, unlessDamaged } from "./snapshot.ts"
import { TREE_FORMS, treeHash } from "./tree_hash.ts"

/** Objects that are read at once. */
const CONCURRENCY = 2

/**
 * Structure: every catalog is read whole, its tree hash computed again; every extent and every map of every file is
 * looked up in a listing, its size compared. With `readData` that share of extents and maps, chosen at random, is read
 * and verified, also of those that no snapshot has: the next backup would count on them.
 */
export const check: (opened: Opened, options: CheckOptions) => Effect.Effect<CheckSummary, FormatError> = (
  opened,
  options,
) => Effect.provideService(Effect.scoped(run(opened, options)), ObjectStore, opened.store)

/** What is wrong with a map. */
interface MapProblem {
  readonly message: string
  readonly cause?: unknown
}

/** What a check knows so far. */
interface Known {
  readonly damage: Damage
  /** Sizes of the objects that are there, by ID. */
  readonly extents: ChunkIndex
  readonly blobs: ChunkIndex
  /** What was checked. */
  readonly seen: { readonly extents: ChunkIndex; readonly blobs: ChunkIndex }
  /**
   * What is wrong with maps, by object. Writers cut a blob each in their own way: a map is good when it is that of any
   * catalog.
   */
  readonly maps: Map<string, MapProblem>
  readonly unpacker: Unpacker
  readonly chosen: () => boolean
  readonly read: (bytes: number) => void
}

const run = Effect.fnUntraced(function* (opened: Opened, { only, progress, readData }: CheckOptions) {
  const { packing } = opened
  const damage = new Damage()
  yield* ensureScratch(opened.engine)
  const { damaged, indexProblem, missing } = yield* listSnapshots(opened)
  if (indexProblem !== undefined) {
    damage.add(INDEX, `${indexProblem.message}; "penstock rebuild" writes it again`, indexProblem)
  }
  for (const error of damaged) damage.addError(error, INDEX)
  // Listed again: one that was added meanwhile is in the index.
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
  let bytesRead = 0
  const known: Known = {
    damage,
    extents: yield* sizes(opened, extents),
    blobs: yield* sizes(opened, blobs),
    seen: { extents: new ChunkIndex(), blobs: new ChunkIndex() },
    maps: new Map(),
    unpacker: yield* packing.read,
    chosen: () => readData >= 100 || Math.random() * 100 < readData,
    read: (bytes) => bytesRead += bytes,
  }
  const total = known.extents.size
  let passedOver = 0
  const report = () => progress?.({ done: Math.min(total, known.seen.extents.size), total })
  for (const [id, object] of objects) {
    yield* unlessDamaged(
      Effect.scoped(
        Effect.flatMap(openWhole(opened, id, object), (whole) => {
          if (only?.(whole.catalog.metadata.info) !== false) return checkCatalog(opened, known, whole, report)
          passedOver += 1
          return Effect.void
        }),
      ),
      object,
      (error) => damage.add(object, error.message, error),
    )
  }
  for (const [object, problem] of known.maps) {
    damage.add(object, `${problem.message}; "penstock rebuild" writes it again`, problem)
  }
  yield* checkRest(opened, known)
  progress?.({ done: total, total })
  const summary: CheckSummary = {
    snapshots: objects.length - passedOver,
    packs: total,
    chunks: total,
    bytesRead,
    findings: damage.findings,
  }
  return summary
})

/** The size of an object that {@link sizes} knows. */
const exactSize = (store: ObjectStore, object: string, known: number): Effect.Effect<number, StoreError> =>
  known < MAXIMUM_VALUE ? Effect.succeed(known) : Effect.map(store.stat(object), ({ size }) => size)

/** The sizes of objects, by ID, from a listing; those of 16 MiB and more are not told apart. */
export const sizes = ({ store }: Opened, names: ObjectNames): Effect.Effect<ChunkIndex, StoreError> =>
  Effect.suspend(() => {
    const index = new ChunkIndex()
    return Effect.as(
      Stream.runForEachArray(store.list(names.directory), (found) =>
        Effect.sync(() => {
          for (const { name, size } of found) {
            const id = names.idOf(name)
            if (id !== undefined) index.set(id, Math.min(size, MAXIMUM_VALUE))
          }
        })),
      index,
    )
  })

interface Whole {
  readonly catalog: Catalog
  /** Whether its tree hash is that of its files. */
  readonly right: boolean
}

/** A catalog, read twice when its tree hash is not that of its files. */
const openWhole = (opened: Opened, id: string, object: string): Effect.Effect<Whole, FormatError, Scope.Scope> => {
  const open = Effect.flatMap(openCatalog(opened, id, object), (catalog) =>
    asCorrupt(object, (): Whole => ({
      catalog,
      right: TREE_FORMS.some((form) => treeHash(catalog.db, opened.hasher, form) === catalog.metadata.tree),
    })))
  let last: Whole | undefined
  const right = Effect.flatMap(open, (whole) => {
    last = whole
    return whole.right ? Effect.succeed(whole) : Effect.fail(corrupt(object, `The tree hash of ${object} is another`))
  })
  return Effect.catch(
    readTwice(object, right),
    (error) => last === undefined ? Effect.fail(error) : Effect.succeed(last),
  )
}

const checkCatalog = Effect.fnUntraced(function* (
  opened: Opened,
  known: Known,
  { catalog, right }: Whole,
  report: () => void,
) {
  const { damage } = known
  const { info } = catalog.metadata
  const { object } = catalog
  if (!right) damage.add(object, `The tree hash of ${object} is not that of its files: it was altered`)
  const unknown = (path: string, message: string): void => {
    damage.add(object, `${object} lists what cannot be restored`)
    damage.addFile(object, info.id, path, message)
  }
  yield* Stream.runForEachArray(
    catalogEntries(catalog, unknown),
    Effect.fnUntraced(function* (entries) {
      yield* Effect.forEach(news(known, entries), (extent) => checkExtent(opened, known, extent), {
        concurrency: CONCURRENCY,
        discard: true,
      })
      report()
      for (const entry of entries) {
        if (entry.kind !== "file") continue
        if (entry.lost !== undefined) unknown(entry.path, entry.lost)
        else if (entry.blob !== undefined && known.seen.blobs.get(entry.blob) === undefined) {
          const map = blobs.nameOf(entry.blob)
          const problem = yield* mapProblem(opened, known, catalog, entry.blob)
          if (problem !== undefined) known.maps.set(map, problem)
          else {
            known.seen.blobs.claim(entry.blob)
            known.maps.delete(map)
          }
        }
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

interface Extent {
  readonly id: Uint8Array
  readonly length: number
}

function* extentsOf({ chunks, map }: Listed): Generator<Extent, void> {
  if (map !== undefined) yield* map.entries
  for (let i = 0; i < chunkCount(chunks); i++) yield { id: chunkId(chunks, i), length: chunkLength(chunks, i) }
}

/** The extents that were not checked yet, once each. */
const news = ({ seen }: Known, entries: ReadonlyArray<Listed>): ReadonlyArray<Extent> =>
  entries.flatMap((entry) => [...extentsOf(entry)].filter(({ id }) => seen.extents.claim(id)))

const checkExtent = Effect.fnUntraced(function* ({ hasher, store }: Opened, known: Known, { id, length }: Extent) {
  const { chosen, damage, read, unpacker } = known
  const object = extents.nameOf(id)
  const listed = known.extents.get(id)
  const found = (message: string, cause?: unknown): void => {
    damage.add(object, message, cause)
    damage.addChunk(id, object)
  }
  if (listed === undefined) return found(`${object} is missing`)
  const size = yield* exactSize(store, object, listed)
  // With a content type it may be compressed.
  if (store.properties.contentType !== true && size !== length) {
    return found(`${object} has ${size} bytes instead of ${length}`)
  }
  if (!chosen()) return
  const bytes = unpacker.get({ object, offset: 0, length: Infinity, rawLength: length })
  const right = Effect.flatMap(
    bytes,
    (bytes) =>
      hasher.digest(bytes).every((byte, i) => byte === id[i])
        ? Effect.void
        : Effect.fail(corrupt(object, `${object} is damaged or was altered: it is not what its name says`)),
  )
  yield* Effect.catchIf(
    readTwice(object, right),
    isDamage,
    (error) => Effect.sync(() => found(error.message, error)),
  )
  read(size)
})

const mapProblem = Effect.fnUntraced(
  function* ({ store }: Opened, known: Known, catalog: Catalog, blob: Uint8Array) {
    const object = blobs.nameOf(blob)
    const listed = known.blobs.get(blob)
    if (listed === undefined) return { message: `${object} is missing` }
    const size = yield* exactSize(store, object, listed)
    const map = yield* catching(SqliteError, () => catalog.map(blob))
    if (typeof map === "string") return undefined
    const { length } = map.entries
    if (size !== 18 + 40 * length && size !== 18 + 48 * length) {
      return { message: `${object} has ${size} bytes, which is no map of ${length} extents` }
    }
    if (!known.chosen()) return undefined
    known.read(size)
    return yield* wrongMap(store, object, map)
  },
  Effect.mapError((error) => error instanceof SqliteError ? fromWriteError(error) : error),
)

/** Why the map that is stored is not the one that a catalog says; undefined when it is. */
export const wrongMap = (
  store: ObjectStore,
  object: string,
  map: Parameters<typeof sameMap>[1],
): Effect.Effect<MapProblem | undefined, FormatError> => {
  let problem: RepositoryError | undefined
  const read = Effect.flatMap(store.get(object, { atMost: longestMap(map) }), (bytes) =>
    asCorrupt(object, () => {
      if (!sameMap(decodeMap(object, bytes), map)) {
        throw corrupt(object, `${object} is not the map that a catalog has`)
      }
    }))
  return Effect.map(
    unlessDamaged(Effect.as(readTwice(object, read), true), object, (error) => problem = error),
    (same) => same === true ? undefined : problem ?? { message: `${object} is missing` },
  )
}

/** Extents that no snapshot has. */
const checkRest = (opened: Opened, known: Known): Effect.Effect<void, FormatError> =>
  Stream.runForEach(
    opened.store.list(extents.directory),
    Effect.fnUntraced(function* ({ name, size }): Effect.fn.Return<void, FormatError> {
      const id = extents.idOf(name)
      if (id === undefined || !known.seen.extents.claim(id) || !known.chosen()) return
      if (size > MAXIMUM_EXTENT) {
        known.damage.add(name, `${name} has ${size} bytes, and an extent at most ${MAXIMUM_EXTENT}`)
        return
      }
      const info = yield* Effect.catchIf(opened.store.stat(name), isDamage, (error) =>
        Effect.sync(() => {
          known.damage.add(name, error.message, error)
          return undefined
        }))
      if (info === undefined) return
      const { contentType } = info
      // Another backup may have stored it since all were listed.
      if (known.extents.get(id) === undefined) known.extents.set(id, Math.min(size, MAXIMUM_VALUE))
      // How long it is when it is not compressed is not known: its hash will tell.
      const length = contentType === ZSTD ? MAXIMUM_EXTENT : size
      yield* checkExtent(opened, { ...known, chosen: () => true }, { id, length })
    }),
  )
