/**
 * Makes a snapshot of packed entries. The order is what makes a run safe to kill: the packs and their index, then the
 * log, then the catalog, and last the `.idx` object, which commits.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { record } from "../../stages/catalog/record.ts"
import type { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import type { Packed } from "../../stages/pack/pack.ts"
import type { Steps } from "../../stages/plan/plan.ts"

import { makeMeter, ReadProgress } from "../../stages/run/progress.ts"
import type { Losses } from "../../stages/walk/represent.ts"
import type { FormatError } from "../error.ts"
import type { BackupSummary, Progress } from "../repository.ts"
import { summaryOf } from "../summary.ts"
import { catalogOpener, startCatalog, storeCatalog } from "./catalog.ts"
import { findDamagedPacks, withoutPacks } from "./damaged_packs.ts"
import { segmentWriter } from "./log.ts"
import { LogWriter } from "./log_write.ts"
import type { Opened } from "./opened.ts"
import { newSnapshotId } from "./snapshot_id.ts"
import { commitSnapshot, infoOf, snapshotName, type SnapshotObject, type SnapshotRecord } from "./snapshot.ts"

/** A snapshot that is to be made. */
export interface NewSnapshot<E, R> {
  /** What its record says. */
  readonly about: Pick<
    SnapshotRecord,
    "time" | "started" | "hostname" | "username" | "paths" | "tags" | "original"
  >
  /** The snapshot whose catalog this one starts from. */
  readonly parent: SnapshotObject | undefined
  /**
   * Its entries. `started` is the record of the parent, unless the parent's catalog is damaged; `tree` is a copy of
   * that catalog, which becomes the new one.
   */
  readonly entries: (tree: Tree, started: SnapshotRecord | undefined) => Stream.Stream<Packed<Steps>, E, R>
  /** What the entries lost on their way here. */
  readonly losses?: Losses
  /** The number of its object, or the first to try. */
  readonly next: number
  readonly dryRun?: boolean | undefined
  /** Whether a snapshot with so many files is worth committing; yes by default. */
  readonly worth?: (files: number) => boolean
  readonly progress?: ((progress: Progress) => void) | undefined
}

/** A snapshot that was made. */
export interface MadeSnapshot {
  readonly number: number
  readonly snapshot: SnapshotObject
}

/** Makes a snapshot. `made` is absent after a dry run, and when the snapshot was not worth it. */
export const writeSnapshot: <E, R>(
  opened: Opened,
  snapshot: NewSnapshot<E, R>,
) => Effect.Effect<
  { readonly summary: BackupSummary; readonly made?: MadeSnapshot },
  FormatError | SqliteError | KernelError | E,
  R | Scope.Scope
> = Effect.fnUntraced(
  function* <E, R>(
    opened: Opened,
    { about, dryRun, entries, losses, next, parent, progress, worth }: NewSnapshot<E, R>,
  ) {
    const { engine, layout, store } = opened
    const catalog = yield* startCatalog(engine, parent, catalogOpener(opened))
    const { db, tree } = catalog
    const started = catalog.started?.record

    const id = newSnapshotId(layout.signatures.signer)
    const log = yield* LogWriter.make(store, segmentWriter(store, layout, id))
    // A log lists the changes against the parent. When the changes since the last full log outnumber the entries, it
    // lists the whole tree again.
    const before = started?.log.changes ?? 0
    const again = started !== undefined && before > started.files + started.directories
    const full = started === undefined || again

    const meter = makeMeter(progress)
    const recorded = yield* record(flushing(entries(tree, started), log), tree, {
      ...(again ? {} : { onChange: (change) => log.add(change) }),
      progress: meter.recorded,
    }).pipe(Effect.provideService(ReadProgress, meter.read))
    if (worth?.(recorded.files) === false) return { summary: summaryOf(recorded, recorded.bytesStored + log.stored) }
    if (again) yield* log.addAll(tree)

    const { original, ...kept } = about
    const made: SnapshotRecord = yield* log.end((segments) => ({
      id,
      ...kept,
      ...(started === undefined ? {} : { parent: started.id }),
      files: recorded.files,
      directories: recorded.directories,
      bytes: recorded.bytes,
      ...(original === undefined ? {} : { original }),
      log: { segments, full, changes: full ? 0 : before + log.changes },
    }))
    // The parent's catalog has lost pages: what is left of its packs must not be taken for whole.
    const hasLostPages = parent !== undefined && started === undefined
    const into = hasLostPages ? withoutPacks(opened, yield* findDamagedPacks(opened)) : opened
    const stored = yield* storeCatalog(into, db)
    const bytesStored = recorded.bytesStored + log.stored + stored.bytesStored
    if (dryRun === true) return { summary: summaryOf(recorded, bytesStored, losses?.all) }
    const committed = yield* commitSnapshot(store, layout, next, made, stored)
    return {
      summary: { ...summaryOf(recorded, bytesStored + committed.stored, losses?.all), snapshot: infoOf(made) },
      made: {
        number: committed.number,
        snapshot: { name: snapshotName(committed.number, id), record: made, catalog: stored },
      },
    }
  },
)

/** Starts to write log segments as they fill, between units of work. */
const flushing = <E, R>(packed: Stream.Stream<Packed<Steps>, E, R>, log: LogWriter) =>
  Stream.mapArrayEffect(packed, (entries) => Effect.as(log.flush, entries))
