/** Makes a snapshot of version 0: contents, then the log, then the index object, which commits. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { treeFidelity } from "../../../stages/walk/fidelity.ts"
import { record } from "../../../stages/catalog/record.ts"
import { SqliteError } from "../../../stages/catalog/sqlite/sqlite.ts"
import { emptyList } from "../../../stages/hash/chunk_list.ts"
import type { Stored } from "../../../stages/plan/stored.ts"
import { ChunkIndex } from "../../../stages/pack/chunk_index.ts"
import { discarding } from "../../../stages/store/discarding.ts"
import type { Packed } from "../../../stages/pack/pack.ts"
import type { ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { plan, type Planned } from "../../../stages/plan/plan.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { Losses, represent } from "../../../stages/walk/represent.ts"
import { reuse } from "../../../stages/catalog/reuse.ts"
import type { BackupOptions, BackupSummary } from "../../repository.ts"
import { chooseParent } from "../../parent.ts"
import type { FormatError } from "../../error.ts"
import { summaryOf } from "../../summary.ts"
import { ensureScratch } from "../../scratch.ts"
import { fromSqliteError, isDamage } from "../errors.ts"
import { infoOf } from "../snapshot.ts"
import { commitRun, emptyCatalog } from "./commit.ts"
import { ContentWriter } from "./content.ts"
import type { Opened } from "./layout.ts"
import { contentName } from "./names.ts"
import { listSnapshots, openCatalog, type SnapshotObject } from "./snapshot.ts"

/** Files that are stored at once. */
const CONCURRENCY = 4

export const backup: <E, R>(
  opened: Opened,
  entries: Stream.Stream<Entry, E, R>,
  options: BackupOptions,
) => Effect.Effect<BackupSummary, FormatError | E, R> = (given, entries, options) => {
  const opened = options.dryRun === true ? { ...given, store: discarding(given.store) } : given
  return Effect.scoped(run(opened, entries, options)).pipe(
    Effect.catch((error) =>
      Effect.fail(error instanceof SqliteError ? fromSqliteError("the new catalog")(error) : error)
    ),
  ) as never
}

const run = Effect.fnUntraced(
  function* <E, R>(opened: Opened, entries: Stream.Stream<Entry, E, R>, options: BackupOptions) {
    yield* ensureScratch(opened.engine)
    const now = yield* Clock.currentTimeMillis
    const time = options.time ?? now
    const { snapshots } = yield* listSnapshots(opened)
    const parent = yield* chooseParent(snapshots, options, ({ record }) => record)
    const { db, started, tree } = yield* startCatalog(opened, parent)

    const writer = new ContentWriter(opened, yield* presentContents(opened.store))
    const stats = () => writer.stats
    const losses = new Losses()
    const planned = plan(represent(treeFidelity, losses)(entries))
    const incremental: Stream.Stream<Planned<readonly ["walk"]>, E, R> = started === undefined
      ? planned
      : reuse(tree.lookup, started.record.started, options.compare)(planned)
    const stored = Stream.mapEffect(
      incremental,
      (entry) =>
        Effect.map(storeEntry(writer, entry), (done): Packed<readonly ["walk", "pack"]> => ({ ...done, stats })),
      { concurrency: CONCURRENCY },
    )
    const recorded = yield* record(
      stored,
      tree,
      options.progress === undefined ? {} : { progress: options.progress },
    )

    const id = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
    const committed = yield* commitRun(opened, { db, tree }, {
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
    })
    const all = summaryOf(recorded, recorded.bytesStored + committed.stored, losses.all)
    return options.dryRun === true ? all : { ...all, snapshot: infoOf(committed.record) }
  },
)

const storeEntry = (
  writer: ContentWriter,
  planned: Planned<readonly ["walk"]>,
): Effect.Effect<Stored, StoreError> => {
  const { known, plan: _plan, steps: _steps, ...entry } = planned
  if (entry.kind === "file") {
    // What the catalog knows is of use only while the object is there.
    if (known === undefined || !writer.has(known)) return writer.store(entry)
  }
  const { content: _content, ...bare } = entry
  return Effect.succeed({ ...bare, chunks: known ?? emptyList, reused: known !== undefined })
}

/** Which contents exist, from the names of the objects. 16 to 32 bytes of memory each. */
export const presentContents = (store: ObjectStore): Effect.Effect<ChunkIndex, StoreError> =>
  Effect.suspend(() => {
    const present = new ChunkIndex()
    return Effect.as(
      Stream.runForEachArray(store.list("DATA/"), (objects) =>
        Effect.sync(() => {
          for (const { name } of objects) {
            const id = contentName(name)
            if (id !== undefined) present.claim(hexToBytes(id))
          }
        })),
      present,
    )
  })

/**
 * The catalog to be updated: a copy of the parent's, or an empty one when there is no parent or its catalog is damaged.
 */
const startCatalog = Effect.fnUntraced(function* (opened: Opened, parent: SnapshotObject | undefined) {
  if (parent !== undefined) {
    const copy = yield* openCatalog(opened, parent).pipe(
      Effect.catchIf(
        isDamage,
        (error) => Effect.as(Effect.logWarning(`${error.message}. All files are read again`), undefined),
      ),
    )
    if (copy !== undefined) return { ...copy, started: parent }
  }
  return { ...yield* emptyCatalog(opened), started: undefined }
})
