/**
 * Writes a snapshot of packed entries: their packs and the index of these, then the log, then the catalog's pages, then
 * the `.idx` that commits.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SourceError } from "../../stages/walk/errors.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { record } from "../../stages/catalog/record.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { openTree, type Tree } from "../../stages/catalog/tree/tree.ts"
import { chunk } from "../../stages/chunk/chunk.ts"
import { compress } from "../../stages/compress/compress.ts"
import { encrypt } from "../../stages/encrypt/encrypt.ts"
import { ReadProgress } from "../../stages/run/progress.ts"
import { hash } from "../../stages/hash/hash.ts"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import { Lender } from "../../stages/memory/lent.ts"
import { makeMeter } from "../../stages/run/progress.ts"
import { pack, type Packed } from "../../stages/pack/pack.ts"
import { packsOf } from "../../stages/pack/packs.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { plan, type Steps } from "../../stages/plan/plan.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import type { Losses } from "../../stages/walk/represent.ts"
import type { BackupSummary, Progress } from "../repository.ts"
import { type FormatError, isDamage } from "../error.ts"
import { summaryOf } from "../summary.ts"
import { LogWriter, putSegment } from "./log.ts"
import { catalogOpener, ruinedPacks, withoutPacks } from "./mend.ts"
import type { Opened } from "./opened.ts"
import { commitSnapshot, infoOf, snapshotName, type SnapshotObject, type SnapshotRecord } from "./snapshot.ts"

/** Bytes of the catalog that are handed to the chunker at once. */
const PAGES_BYTES = 4 << 20

/** What becomes a snapshot. */
export interface Making<E, R> {
  /** What is said of it. */
  readonly about: Pick<
    SnapshotRecord,
    "time" | "started" | "hostname" | "username" | "paths" | "tags" | "original"
  >
  /** Whose catalog it starts from. */
  readonly parent: SnapshotObject | undefined
  /**
   * Its entries. `started` is the parent, unless its catalog is damaged; `tree` is a copy of that catalog, to be made
   * that of the snapshot.
   */
  readonly entries: (tree: Tree, started: SnapshotRecord | undefined) => Stream.Stream<Packed<Steps>, E, R>
  /** What was lost of them. */
  readonly losses?: Losses
  /** The number of the object that it is committed as, or a later one. */
  readonly next: number
  readonly dryRun?: boolean | undefined
  /** False: with so many files it is not worth committing. */
  readonly worth?: (files: number) => boolean
  readonly progress?: ((progress: Progress) => void) | undefined
}

/** Makes a snapshot. `made`, its object, is absent after a dry run, and when it is not worth it. */
export const writeSnapshot: <E, R>(
  opened: Opened,
  making: Making<E, R>,
) => Effect.Effect<
  { readonly summary: BackupSummary; readonly made?: { readonly number: number; readonly snapshot: SnapshotObject } },
  FormatError | SqliteError | KernelError | E,
  R | Scope.Scope
> = Effect.fnUntraced(
  function* <E, R>(opened: Opened, { about, dryRun, entries, losses, next, parent, progress, worth }: Making<E, R>) {
    const { layout, store } = opened
    const { db, started, tree } = yield* startCatalog(opened, parent)

    const id = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
    const log = yield* LogWriter.make(store, putSegment(store, layout, id))
    // A log lists the changes against the parent, until those since the last full log outnumber the entries: then it
    // lists all again.
    const before = started === undefined ? 0 : started.log.changes
    const again = started !== undefined && before > started.files + started.directories
    const full = started === undefined || again

    const meter = makeMeter(progress)
    const recorded = yield* record(flushing(entries(tree, started), log), tree, {
      ...(again ? {} : { onChange: (change) => log.add(change) }),
      progress: meter.recorded,
    }).pipe(Effect.provideService(ReadProgress, meter.read))
    if (worth?.(recorded.files) === false) return { summary: summaryOf(recorded, recorded.bytesStored + log.stored) }
    if (again) yield* logAll(tree, log)

    const { original, ...kept } = about
    const snapshot: SnapshotRecord = yield* log.end((segments) => ({
      id,
      ...kept,
      ...(started === undefined ? {} : { parent: started.id }),
      files: recorded.files,
      directories: recorded.directories,
      bytes: recorded.bytes,
      ...(original === undefined ? {} : { original }),
      log: { segments, full, changes: full ? 0 : before + log.changes },
    }))
    // Pages that the parent's catalog has lost must not be taken for stored.
    const lostPages = parent !== undefined && started === undefined
    const into = lostPages ? withoutPacks(opened, yield* ruinedPacks(opened)) : opened
    const catalog = yield* storeCatalog(into, db.bytes(PAGES_BYTES))
    const bytesStored = recorded.bytesStored + log.stored + catalog.bytesStored
    if (dryRun === true) return { summary: summaryOf(recorded, bytesStored, losses?.all) }
    const { number, stored } = yield* commitSnapshot(store, layout, next, snapshot, catalog)
    return {
      summary: { ...summaryOf(recorded, bytesStored + stored, losses?.all), snapshot: infoOf(snapshot) },
      made: { number, snapshot: { name: snapshotName(number), record: snapshot, catalog } },
    }
  },
)

/** Stores the pages of a catalog; what it has in common with earlier ones is there already. */
export const storeCatalog: (
  opened: Opened,
  bytes: Stream.Stream<Uint8Array, SqliteError>,
) => Effect.Effect<
  SnapshotObject["catalog"] & { readonly bytesStored: number },
  FormatError | SqliteError | KernelError
> = Effect
  .fnUntraced(
    function* ({ catalogs, layout, store }, bytes) {
      let failure: SqliteError | undefined
      const content = bytes.pipe(
        // Fresh pieces that nobody else has: freed as soon as they are cut into chunks.
        Stream.map((piece) => new Lender(piece, true).lend(piece)),
        Stream.catch((error) => {
          failure = error
          return Stream.empty
        }),
      ) as Stream.Stream<Uint8Array, SourceError>
      const [file] = yield* Stream.runCollect(
        plan(Stream.succeed<Entry>({ path: "catalog", kind: "file", metadata: {}, size: undefined, content })).pipe(
          chunk(layout.chunkCatalog),
          hash(layout.hash),
          compress(layout.compressCatalog),
          encrypt(layout.encrypt),
          pack(catalogs ?? packsOf(layout.catalogs)),
          Stream.provideService(ObjectStore, store),
        ),
      )
      if (failure !== undefined) return yield* failure
      return { size: file!.size!, chunks: file!.chunks, bytesStored: file!.stats().bytesStored }
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
      more = yield* catching(SqliteError, () => {
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

/**
 * The catalog to be updated: a copy of the parent's, or an empty one when there is no parent or its catalog is damaged.
 */
const startCatalog = Effect.fnUntraced(function* (opened: Opened, parent: SnapshotObject | undefined) {
  if (parent !== undefined) {
    const copy = yield* catalogOpener(opened)(parent).pipe(
      Effect.catchIf(
        isDamage,
        (error) => Effect.as(Effect.logWarning(`${error.message}. All files are read again`), undefined),
      ),
    )
    if (copy !== undefined) return { ...copy, started: parent.record }
  }
  const db = yield* opened.engine.open()
  return { db, tree: yield* catching(SqliteError, () => openTree(db)), started: undefined }
})
