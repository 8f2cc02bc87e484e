/**
 * Makes a snapshot: contents, then listings, then the root, and last the object that points to the root, which is the
 * commit. SPEC.md, "Writing".
 *
 * Uses the common stages `walk`, `reuse` and `record`, but not `chunk` … `pack`. A content is one encrypted envelope
 * that is cut into blocks, not chunks that are encrypted apart. Nonces are random, so equal contents do not make equal
 * blocks: contents are known by the hash of the whole. And where the end of a content lies is known only when the block
 * is complete that it shares with others, so entries wait for that: see contents.ts.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { record } from "../../stages/catalog/record.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { openTree, type Tree } from "../../stages/catalog/tree/tree.ts"
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { plan, type Planned } from "../../stages/plan/plan.ts"
import { makeMeter } from "../../stages/run/progress.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { Losses, represent } from "../../stages/walk/represent.ts"
import { type Earlier, reuse } from "../../stages/catalog/reuse.ts"
import { type Backup, openedFor } from "../backup.ts"
import type { FormatError } from "../error.ts"
import { chooseParent } from "../parent.ts"
import type { BackupOptions, BackupSummary } from "../repository.ts"
import { ensureScratch } from "../scratch.ts"
import { summaryOf } from "../summary.ts"
import { BlockStore, presentBlocks } from "./block_store.ts"
import { contentIdOf } from "./bptr.ts"
import { Contents } from "./contents.ts"
import { addContentsOf, startFromParent } from "./earlier.ts"
import { fromSqliteError, writing } from "./errors.ts"
import { fidelityOf, leaveOutUnlistable } from "./fidelity.ts"
import { jsonListingWriter, treeListingWriter } from "./listing_write.ts"
import type { Opened } from "./opened.ts"
import { openRunIndex } from "./run_index.ts"
import { commitRoot, listRoots, type NewRoot, type Root } from "./snapshot.ts"

/** Makes a snapshot of the entries. A dry run does all but write. */
export const backup: Backup<Opened> = (given, entries, options) => {
  const opened = openedFor(given, options)
  return Effect.scoped(makeSnapshot(opened, entries, options)).pipe(
    Effect.catch((error) => Effect.fail(error instanceof SqliteError ? fromSqliteError(error) : error)),
  ) as never
}

const makeSnapshot = Effect.fnUntraced(
  function* <E, R>(
    opened: Opened,
    entries: Stream.Stream<Entry, E, R>,
    options: BackupOptions,
  ) {
    yield* ensureScratch(opened.engine)
    const now = yield* Clock.currentTimeMillis
    const { damaged, roots } = yield* listRoots(opened)
    for (const { message } of damaged) yield* Effect.logWarning(message)
    const parent = yield* chooseParent(roots, options, ({ info }) => info)
    // Other programs that read this share may know only the kind of listing that it has.
    const listing = (parent ?? roots.at(-1))?.listing ?? opened.listing
    const fidelity = fidelityOf(listing)
    const hostname = options.hostname ?? ""
    const blocks = new BlockStore(opened, yield* presentBlocks(opened))
    const index = yield* openRunIndex(opened.engine)
    const db = yield* opened.engine.open()
    const tree = yield* catching(SqliteError, () => openTree(db))
    const complete = parent === undefined
      ? yield* Effect.as(addContentsOf(blocks.reader, index, roots), false)
      : yield* startFromParent(blocks.reader, index, tree, parent, hostname)

    const losses = new Losses()
    const planned = plan(entries.pipe(represent(fidelity, losses), leaveOutUnlistable(fidelity)))
    const incremental: Stream.Stream<Planned<readonly ["walk"]>, E, R> = parent === undefined
      ? planned
      : reuse((path) => earlierOf(tree.lookup(path)), parent.started, options.compare)(planned)
    const meter = makeMeter(options.progress)
    const contents = new Contents(opened, blocks, index, meter.read)
    // A tree reads nodes that it has written, which a dry run has not.
    const listings = listing === "json" || options.dryRun === true
      ? jsonListingWriter(opened, blocks, index, tree, hostname)
      : treeListingWriter(opened, blocks, tree, complete && parent?.listing === "tree" ? parent.directory : undefined)
    const recorded = yield* record(listings.during(contents.store(incremental)), tree, {
      ...(listings.onChange === undefined ? {} : { onChange: listings.onChange }),
      progress: meter.recorded,
    })
    const directory = yield* listings.finish
    const root: NewRoot = {
      info: {
        time: options.time ?? now,
        hostname,
        username: options.username ?? "",
        paths: options.paths,
        tags: options.tags ?? [],
        files: recorded.files,
        directories: recorded.directories,
        bytes: recorded.bytes,
      },
      ...(parent === undefined ? {} : { previous: parent.bptr }),
      ...(directory === undefined ? {} : { directory }),
      ...(yield* rootMetadata(tree)),
      listing,
      started: now,
      share: opened.id,
    }
    const committed = yield* commitRoot(opened, root)
    const summary: BackupSummary = {
      ...summaryOf(recorded, blocks.stored.bytes + committed.stored, losses.all),
      chunksReused: recorded.files - recorded.chunksNew,
    }
    return options.dryRun === true ? summary : { ...summary, snapshot: committed.root.info }
  },
)

/** For `reuse`: an entry of the parent with the name of its content. */
const earlierOf = (entry: StoredEntry | undefined): Earlier | undefined =>
  entry && { ...entry, ...contentIdOf(entry.chunks, entry.size) }

const rootMetadata = (tree: Tree): Effect.Effect<Pick<Root, "mtime">, FormatError> =>
  writing(() => {
    const mtime = tree.lookup("")?.metadata.mtime
    return mtime === undefined ? {} : { mtime }
  })
