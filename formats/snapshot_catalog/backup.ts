/**
 * Makes a snapshot. Stores extents, then maps of blobs, then the catalog, which commits the snapshot. Then updates the
 * index of catalogs, which may fail.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { record } from "../../stages/catalog/record.ts"
import { reuse } from "../../stages/catalog/reuse.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { chunk } from "../../stages/chunk/chunk.ts"
import { compress } from "../../stages/compress/compress.ts"
import { blake3 } from "../../stages/hash/blake3.ts"
import { digest } from "../../stages/hash/digest.ts"
import { hash } from "../../stages/hash/hash.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import type { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import { listIds, objectsOf } from "../../stages/pack/objects.ts"
import { pack, type Packed } from "../../stages/pack/pack.ts"
import { plan, type Planned, type Steps } from "../../stages/plan/plan.ts"
import { makeMeter, ReadProgress } from "../../stages/run/progress.ts"
import { putOnce } from "../../stages/store/absent.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { wholeFidelity } from "../../stages/walk/fidelity.ts"
import { Losses, represent } from "../../stages/walk/represent.ts"
import { type Backup, openedFor } from "../backup.ts"
import type { FormatError } from "../error.ts"
import { chooseParent } from "../parent.ts"
import type { BackupOptions } from "../repository.ts"
import { ensureScratch } from "../scratch.ts"
import { summaryOf } from "../summary.ts"
import { encodeMap } from "./blob_map.ts"
import { type Catalog, openCatalog } from "./catalog.ts"
import { type CatalogForm, formOf } from "./catalog_form.ts"
import { type Indexed, indexed, writeIndex } from "./catalog_index.ts"
import { CatalogWriter, freshUuid } from "./catalog_write.ts"
import { putDatabase } from "./database.ts"
import { catchingDamage, fromKernelError, fromWriteError, isDamage } from "./errors.ts"
import { blobs, catalogName, flatCatalogName } from "./layout.ts"
import type { CatalogInfo } from "./metadata.ts"
import type { Opened } from "./opened.ts"
import { formOfRepository, listSnapshots } from "./snapshot.ts"

/** Maps that are encoded at once before they are stored. */
const MAPS = 64

export const backup: Backup<Opened> = (given, entries, options) => {
  const opened = openedFor(given, options)
  return Effect.scoped(makeSnapshot(opened, entries, options)).pipe(
    Effect.mapError((error) => error instanceof KernelError ? fromKernelError(error) : fromWriteError(error)),
    Effect.provideService(ObjectStore, opened.store),
  ) as never
}

const makeSnapshot = Effect.fnUntraced(
  function* <E, R>(opened: Opened, entries: Stream.Stream<Entry, E, R>, options: BackupOptions) {
    const { chunk: chunker, compress: compressor, engine, hasher } = opened
    yield* ensureScratch(engine)
    const now = yield* Clock.currentTimeMillis
    const listing = yield* listSnapshots(opened)
    for (const { message } of listing.damaged) yield* Effect.logWarning(message)
    const parent = yield* openParent(opened, yield* chooseParent(listing.snapshots, options, ({ info }) => info))
    const form = parent === undefined ? yield* formOfRepository(opened, listing) : yield* formOf(opened, parent.catalog)

    const packing = parent === undefined
      ? opened.packing
      : objectsOf({ ...opened.extents, present: () => parent.extents })
    const losses = new Losses()
    const planned = plan(represent(wholeFidelity, losses)(entries))
    const incremental: Stream.Stream<Planned<readonly ["walk"]>, E, R> = parent === undefined
      ? planned
      : reuse((path) => parent.catalog.lookup(path), parent.catalog.metadata.started, options.compare)(planned)
    const hashed = incremental.pipe(digest(blake3), chunk(chunker), hash(blake3))
    const packed =
      (compressor === undefined
        ? hashed.pipe(pack(packing))
        : hashed.pipe(compress(compressor), pack(packing))) as Stream.Stream<
          Packed<Steps>,
          E | StoreError | KernelError,
          R | ObjectStore
        >
    const db = yield* engine.open()
    const writer = yield* catching(
      SqliteError,
      () => new CatalogWriter(db, hasher, (path) => parent?.catalog.lookup(path)?.blob),
    )
    const meter = makeMeter(options.progress)
    const recorded = yield* record(packed, writer, { progress: meter.recorded }).pipe(
      Effect.provideService(ReadProgress, meter.read),
    )
    const mapBytes = yield* storeMaps(opened, writer, parent?.blobs)

    const info: CatalogInfo = {
      ...recordOf(opened, options, listing.snapshots),
      time: options.time ?? now,
      ...(parent !== undefined && { parent: parent.catalog.metadata.info.id }),
      files: recorded.files,
      directories: recorded.directories,
      bytes: recorded.bytes,
    }
    const metadata = yield* catching(SqliteError, () => writer.finish({ info, started: now }, hasher, form.tree))
    const object = form.flat ? flatCatalogName(info.id) : catalogName(info.id)
    const catalogBytes = yield* putDatabase(opened, object, db, { wrap: form.wrap })
    const indexBytes = options.dryRun === true ? 0 : yield* updateIndex(opened, indexed(metadata), form)
    const bytesStored = recorded.bytesStored + mapBytes + catalogBytes + indexBytes
    const summary = summaryOf(recorded, bytesStored, losses.all)
    return options.dryRun === true ? summary : { ...summary, snapshot: metadata.info }
  },
)

/** The record of a new snapshot, as far as it is known before the run. */
const recordOf = (
  opened: Opened,
  options: BackupOptions,
  before: ReadonlyArray<Indexed>,
): Omit<CatalogInfo, "time"> => {
  const { hostname = "", paths, tags = [], username = "" } = options
  const name = opened.options.name ?? options.name
  return {
    id: freshUuid(),
    hostname,
    username,
    paths,
    tags,
    machine: machineOf(opened, options, before),
    ...(name !== undefined && { name }),
  }
}

/** The catalog of the parent, and the extents and blobs in it, which need not be looked for in the store. */
interface Parent {
  readonly catalog: Catalog
  readonly extents: ChunkIndex
  readonly blobs: ChunkIndex
}

/** Opens the catalog of the parent; undefined if it is damaged. */
const openParent = (
  opened: Opened,
  parent: Indexed | undefined,
): Effect.Effect<Parent | undefined, FormatError, Scope.Scope> =>
  parent === undefined ? Effect.succeed(undefined) : openCatalog(opened, parent.info.id).pipe(
    Effect.flatMap((catalog) =>
      catchingDamage(catalog.object, (): Parent => ({
        catalog,
        extents: catalog.ids("extent"),
        blobs: catalog.ids("blob"),
      }))
    ),
    Effect.catchIf(
      isDamage,
      (error) => Effect.as(Effect.logWarning(`${error.message}. All files are read again`), undefined),
    ),
  )

/** Stores the maps that are not known to be there. Returns the bytes stored. */
const storeMaps = Effect.fnUntraced(
  function* ({ store }: Opened, writer: CatalogWriter, known: ChunkIndex | undefined) {
    const present = known ?? (yield* listIds(store, blobs))
    const maps = writer.maps()
    let stored = 0
    for (let more = true; more;) {
      const batch = yield* catching(SqliteError, () => {
        const batch: Array<{ readonly name: string; readonly bytes: Uint8Array }> = []
        while (batch.length < MAPS) {
          const { done, value } = maps.next()
          if (done === true) {
            more = false
            break
          }
          if (present.get(value.blob) === undefined) {
            batch.push({ name: blobs.nameOf(value.blob), bytes: encodeMap(value.map) })
          }
        }
        return batch
      })
      yield* Effect.forEach(batch, ({ bytes, name }) => {
        stored += bytes.length
        return putOnce(store, name, bytes)
      }, { concurrency: store.properties.connections, discard: true })
    }
    return stored
  },
)

/** Updates the index. If that fails, the next run does it. Returns the bytes stored. */
const updateIndex = (opened: Opened, added: Indexed, form: CatalogForm): Effect.Effect<number> =>
  Effect.gen(function* () {
    // Listed again: other runs may have finished in the meantime.
    const { snapshots } = yield* listSnapshots(opened, new Map([[added.info.id, added]]))
    return yield* writeIndex(opened, snapshots, form)
  }).pipe(
    Effect.catch((error) =>
      Effect.as(Effect.logWarning(`The index of catalogs could not be written. ${error.message}`), 0)
    ),
  )

/**
 * The machine ID of a run: as given, as in the host's last snapshot, of this machine, or derived from the host name.
 */
const machineOf = (
  { hasher, options: { machine, thisMachine } }: Opened,
  options: BackupOptions,
  before: ReadonlyArray<Indexed>,
): string => {
  const { hostname = "" } = options
  const known = machine ?? options.machine ?? before.findLast(({ info }) => info.hostname === hostname)?.info.machine
  if (known !== undefined) return known
  if (thisMachine?.hostname === hostname) return thisMachine.id
  return bytesToHex(hasher.digest(new TextEncoder().encode(`penstock machine ${hostname}`)).subarray(0, 16))
}
