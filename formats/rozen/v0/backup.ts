/**
 * Makes a snapshot: contents, then the log, then the index object, which commits.
 *
 * Walk, reuse and record are those of the common pipeline. Between them `ContentWriter` stands for chunk, hash,
 * compress, encrypt and pack: the hash of a whole content names its object, so it must be known before the first byte
 * is written, and a content of any length has to pass through little memory.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { record } from "../../../stages/catalog/record.ts"
import { emptyList } from "../../../stages/hash/chunk_list.ts"
import type { Packed } from "../../../stages/pack/pack.ts"
import { plan, type Planned } from "../../../stages/plan/plan.ts"
import type { Stored } from "../../../stages/plan/stored.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { Losses, represent } from "../../../stages/walk/represent.ts"
import { reuse } from "../../../stages/catalog/reuse.ts"
import { treeFidelity } from "../../../stages/walk/fidelity.ts"
import { type Backup, openedFor } from "../../backup.ts"
import { chooseParent } from "../../parent.ts"
import type { BackupOptions } from "../../repository.ts"
import { ensureScratch } from "../../scratch.ts"
import { summaryOf } from "../../summary.ts"
import { startCatalog } from "../catalog.ts"
import { fromStageError } from "../errors.ts"
import { aboutOf, infoOf } from "../snapshot.ts"
import { commitRun } from "./commit.ts"
import { ContentWriter, presentContents } from "./content.ts"
import type { Opened } from "./opened.ts"
import { listSnapshots, openCatalog } from "./snapshot.ts"

/** Files that are stored at once. */
const CONCURRENCY = 4

/** Makes a snapshot. A dry run does the same, in a store that discards what is written. */
export const backup: Backup<Opened> = (given, entries, options) => {
  const opened = openedFor(given, options)
  return Effect.scoped(storeEntries(opened, entries, options)).pipe(
    Effect.mapError(fromStageError("the new catalog")),
  ) as never
}

const storeEntries = Effect.fnUntraced(
  function* <E, R>(opened: Opened, entries: Stream.Stream<Entry, E, R>, options: BackupOptions) {
    yield* ensureScratch(opened.engine)
    const now = yield* Clock.currentTimeMillis
    const { snapshots } = yield* listSnapshots(opened)
    const parent = yield* chooseParent(snapshots, options, ({ record }) => record)
    const catalog = yield* startCatalog(opened.engine, parent, (parent) => openCatalog(opened, parent))
    const { started, tree } = catalog

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

    const committed = yield* commitRun(opened, catalog, {
      id: bytesToHex(crypto.getRandomValues(new Uint8Array(32))),
      ...aboutOf(options, now),
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
  // The catalog may know a content whose object is lost: then the file is read again.
  if (entry.kind === "file" && (known === undefined || !writer.has(known))) return writer.store(entry)
  const { content: _content, ...bare } = entry
  return Effect.succeed({ ...bare, chunks: known ?? emptyList, reused: known !== undefined })
}
