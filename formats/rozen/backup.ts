/** Makes a snapshot: packs, then their index, then the log, then the catalog's pages, then the `.idx` that commits. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { attempt as attemptSqlite, record } from "../../stages/catalog/record.ts"
import { SqliteError } from "../../stages/catalog/sqlite.ts"
import { openTree, type Tree } from "../../stages/catalog/tree.ts"
import { chunk } from "../../stages/chunk/chunk.ts"
import { compress } from "../../stages/compress/compress.ts"
import { encrypt } from "../../stages/encrypt/encrypt.ts"
import { OnRead } from "../../stages/executor.ts"
import { hash } from "../../stages/hash/hash.ts"
import { KernelError } from "../../stages/kernel.ts"
import { makeMeter } from "../../stages/meter.ts"
import { pack, type Packed } from "../../stages/pack/pack.ts"
import { listedOnce } from "../../stages/pack/listed_once.ts"
import type { Packing } from "../../stages/pack/packing.ts"
import { packsOf } from "../../stages/pack/packs.ts"
import { discarding } from "../../stages/pack/discarding.ts"
import { ObjectStore } from "../../stages/pack/store.ts"
import { plan, type Planned, type Steps } from "../../stages/plan.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { reuse } from "../../stages/walk/reuse.ts"
import type { SourceError } from "../../stages/walk/source.ts"
import { type BackupOptions, type BackupSummary, chooseParent, type FormatError, summaryOf } from "../format.ts"
import { fromKernelError, fromSqliteError } from "./errors.ts"
import { LogWriter, putSegment } from "./log.ts"
import { catalogOpener, ruinedPacks, withoutPacks } from "./mend.ts"
import { catalogPacks, type Opened } from "./opened.ts"
import { commitSnapshot, infoOf, listSnapshots, type SnapshotObject, type SnapshotRecord } from "./snapshot.ts"

/** Bytes of the catalog that are handed to the chunker at once. */
const PAGES_BYTES = 4 << 20

export const backup: <E, R>(
  opened: Opened,
  entries: Stream.Stream<Entry, E, R>,
  options: BackupOptions,
) => Effect.Effect<BackupSummary, FormatError | E, R> = (given, entries, options) => {
  const opened = options.dryRun === true ? { ...given, store: discarding(given.store) } : given
  return Effect.scoped(run(opened, entries, options)).pipe(
    Effect.catch((error) =>
      Effect.fail(
        error instanceof KernelError
          ? fromKernelError(error)
          : error instanceof SqliteError
          ? fromSqliteError("the new catalog")(error)
          : error,
      )
    ),
    Effect.provideService(ObjectStore, opened.store),
  ) as never
}

const run = Effect.fnUntraced(
  function* <E, R>(opened: Opened, entries: Stream.Stream<Entry, E, R>, options: BackupOptions) {
    const { layout, store } = opened
    // One listing tells the snapshots and the indexes.
    const listed = yield* listedOnce(store, "INDEX/")
    const packing = packsOf(layout.data)
    const packer = yield* Effect.forkScoped(Effect.provideService(packing.write, ObjectStore, listed))
    const now = yield* Clock.currentTimeMillis
    const time = options.time ?? now
    const { damaged, next, snapshots } = yield* listSnapshots(listed, layout)
    for (const { message } of damaged) yield* Effect.logWarning(`${message}. Run "penstock rebuild"`)
    const parent = yield* chooseParent(snapshots, options, ({ record }) => record)
    const catalogs = yield* catalogPacks(opened)
    const { db, started, tree } = yield* startCatalog(opened, parent, catalogs)

    const id = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
    const log = yield* LogWriter.make(store, putSegment(store, layout, id))
    // A log lists the changes against the parent, until those since the last full log outnumber the entries: then it lists all again.
    const before = started === undefined ? 0 : started.record.log.changes
    const again = started !== undefined && before > started.record.files + started.record.directories
    const full = started === undefined || again

    const planned = plan(entries)
    const incremental: Stream.Stream<Planned<readonly ["walk"]>, E, R> = started === undefined
      ? planned
      : reuse(tree.lookup, started.record.started)(planned)
    const packed = incremental.pipe(
      chunk(layout.chunk),
      hash(layout.hash),
      compress(layout.compress),
      encrypt(layout.encrypt),
      pack({ ...packing, write: Fiber.join(packer) }),
    )
    const meter = makeMeter(options.progress)
    const recorded = yield* record(flushing(packed, log), tree, {
      ...(again ? {} : { onChange: (change) => log.add(change) }),
      progress: meter.recorded,
    }).pipe(Effect.provideService(OnRead, meter.read))
    if (again) yield* logAll(tree, log)

    const snapshot: SnapshotRecord = yield* log.end((segments) => ({
      id,
      time,
      started: now,
      hostname: options.hostname ?? "",
      username: options.username ?? "",
      paths: options.paths,
      tags: options.tags ?? [],
      ...(started === undefined ? {} : { parent: started.record.id }),
      files: recorded.files,
      directories: recorded.directories,
      bytes: recorded.bytes,
      log: { segments, full, changes: full ? 0 : before + log.changes },
    }))
    // Pages that the parent's catalog has lost must not be taken for stored.
    const lostPages = parent !== undefined && started === undefined
    const pages = db.bytes(PAGES_BYTES)
    const catalog =
      yield* (lostPages
        ? storeCatalog(withoutPacks(opened, yield* ruinedPacks(opened)), pages)
        : storeCatalog(opened, pages, catalogs))
    const stored = recorded.bytesStored + log.stored + catalog.bytesStored
    if (options.dryRun === true) return summaryOf(recorded, stored)
    const committed = yield* commitSnapshot(store, layout, next, snapshot, catalog)
    return { ...summaryOf(recorded, stored + committed), snapshot: infoOf(snapshot) }
  },
)

/** Stores the pages of a catalog; what it has in common with earlier ones is there already. */
export const storeCatalog: (
  opened: Opened,
  bytes: Stream.Stream<Uint8Array, SqliteError>,
  packing?: Packing,
) => Effect.Effect<
  SnapshotObject["catalog"] & { readonly bytesStored: number },
  FormatError | SqliteError | KernelError
> = Effect
  .fnUntraced(
    function* ({ layout, store }, bytes, packing = packsOf(layout.catalogs)) {
      let failure: SqliteError | undefined
      const content = bytes.pipe(Stream.catch((error) => {
        failure = error
        return Stream.empty
      })) as Stream.Stream<Uint8Array, SourceError>
      const [file] = yield* Stream.runCollect(
        plan(Stream.succeed<Entry>({ path: "catalog", kind: "file", metadata: {}, size: undefined, content })).pipe(
          chunk(layout.chunkCatalog),
          hash(layout.hash),
          compress(layout.compressCatalog),
          encrypt(layout.encrypt),
          pack(packing),
          Stream.provideService(ObjectStore, store),
        ),
      )
      if (failure !== undefined) return yield* failure
      return { size: file!.size!, chunks: file!.chunks, bytesStored: file!.packing.packer.stats().bytesStored }
    },
  )

/** Starts to write log segments as they fill, between units of work. */
const flushing = <E, R>(packed: Stream.Stream<Packed<Steps>, E, R>, log: LogWriter) =>
  Stream.mapArrayEffect(packed, (entries) => Effect.as(log.flush, entries))

/** Logs every entry of a tree. */
export const logAll: (tree: Tree, log: LogWriter) => Effect.Effect<void, FormatError | SqliteError> = Effect.fnUntraced(
  function* (tree, log) {
    const entries = tree.entries()
    for (let more = true; more;) {
      more = yield* attemptSqlite(() => {
        for (let n = 0; n < 1024; n++) {
          const { done, value } = entries.next()
          if (done === true) return false
          log.add({ op: "put", entry: value })
        }
        return true
      })
      yield* log.flush
    }
  },
)

/** The catalog to be updated: a copy of the parent's, or an empty one when there is no parent or its catalog is damaged. */
const startCatalog = Effect.fnUntraced(function* (
  opened: Opened,
  parent: SnapshotObject | undefined,
  packing: Packing,
) {
  if (parent !== undefined) {
    const copy = yield* catalogOpener(opened, packing)(parent).pipe(
      Effect.catchTag(
        "RepositoryError",
        (error) => Effect.as(Effect.logWarning(`${error.message}. All files are read again`), undefined),
      ),
    )
    if (copy !== undefined) return { ...copy, started: parent }
  }
  const db = yield* opened.engine.open()
  return { db, tree: yield* attemptSqlite(() => openTree(db)), started: undefined }
})
