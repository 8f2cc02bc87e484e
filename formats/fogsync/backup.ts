/** Makes a snapshot: contents, then listings, then the root, and last what points to it, which commits. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Fidelity, TIMES_OF_64_BITS } from "../../stages/walk/fidelity.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { record } from "../../stages/catalog/record.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { openTree, type Tree } from "../../stages/catalog/tree/tree.ts"
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import { makeMeter } from "../../stages/run/progress.ts"
import { discarding } from "../../stages/store/discarding.ts"
import { plan, type Planned } from "../../stages/plan/plan.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { isByteName, pathToBytes } from "../../stages/walk/path.ts"
import { Losses, represent } from "../../stages/walk/represent.ts"
import { type Earlier, reuse } from "../../stages/catalog/reuse.ts"
import type { BackupOptions, BackupSummary } from "../repository.ts"
import { chooseParent } from "../parent.ts"
import type { FormatError } from "../error.ts"
import { summaryOf } from "../summary.ts"
import { addressKey, type Bptr, contentIdOf, refFromChunks } from "./bptr.ts"
import { Contents } from "./contents.ts"
import { ensureScratch } from "../scratch.ts"
import { fromSqliteError, isDamage, writing } from "./errors.ts"
import { keepHost } from "./hosts.ts"
import { openRunIndex, type RunIndex } from "./run_index.ts"
import { PATH_MAXIMUM } from "./json_listing.ts"
import { jsonListingWriter, treeListingWriter } from "./listing_write.ts"
import type { ListingKind, Opened } from "./opened.ts"
import { walkRoot } from "./read.ts"
import { commitRoot, listRoots, type NewRoot, type Root } from "./snapshot.ts"
import { BlockStore, presentBlocks } from "./block_store.ts"

/** What a share keeps. Names in JSON are text; in the tree they are bytes. */
export const fidelityOf = (listing: ListingKind): Fidelity => ({
  kinds: ["file", "directory", "symlink"],
  mode: "execute",
  owner: false,
  mtime: 1,
  ...TIMES_OF_64_BITS,
  hardlinks: false,
  sparse: false,
  byteNames: listing === "tree",
})

export const backup: <E, R>(
  opened: Opened,
  entries: Stream.Stream<Entry, E, R>,
  options: BackupOptions,
) => Effect.Effect<BackupSummary, FormatError | E, R> = (given, entries, options) => {
  const opened = options.dryRun === true ? { ...given, store: discarding(given.store) } : given
  return Effect.scoped(run(opened, entries, options)).pipe(
    Effect.catch((error) => Effect.fail(error instanceof SqliteError ? fromSqliteError(error) : error)),
  ) as never
}

const run = Effect.fnUntraced(
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
    // Who reads this share knows what it has.
    const listing = (parent ?? roots.at(-1))?.listing ?? opened.listing
    const fidelity = fidelityOf(listing)
    const hostname = options.hostname ?? ""
    const blocks = new BlockStore(opened, yield* presentBlocks(opened))
    const known = yield* openRunIndex(opened.engine)
    const db = yield* opened.engine.open()
    const tree = yield* catching(SqliteError, () => openTree(db))
    const whole = parent === undefined
      ? yield* Effect.as(knowContents(blocks, known, roots), false)
      : yield* startFrom(blocks, known, tree, parent, hostname)

    const losses = new Losses()
    const planned = plan(entries.pipe(represent(fidelity, losses), fitting(fidelity)))
    const incremental: Stream.Stream<Planned<readonly ["walk"]>, E, R> = parent === undefined
      ? planned
      : reuse((path) => named(tree.lookup(path)), parent.started, options.compare)(planned)
    const meter = makeMeter(options.progress)
    const contents = new Contents(opened, blocks, known, meter.read)
    // A tree reads what it has written, which a dry run has not.
    const listings = listing === "json" || options.dryRun === true
      ? jsonListingWriter(opened, blocks, known, tree, hostname)
      : treeListingWriter(opened, blocks, tree, whole && parent?.listing === "tree" ? parent.directory : undefined)
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

/** With the name of its content. */
const named = (entry: StoredEntry | undefined): Earlier | undefined =>
  entry && { ...entry, ...contentIdOf(entry.chunks, entry.size) }

const rootMetadata = (tree: Tree): Effect.Effect<Pick<Root, "mtime">, FormatError> =>
  writing(() => {
    const mtime = tree.lookup("")?.metadata.mtime
    return mtime === undefined ? {} : { mtime }
  })

/** What is too long for a listing becomes unreadable, and targets that it cannot hold. */
const fitting = ({ byteNames }: Fidelity) => <E, R>(self: Stream.Stream<Entry, E, R>): Stream.Stream<Entry, E, R> =>
  Stream.map(self, (entry) => {
    const { path, target } = entry
    const problem = isLong(path)
      ? `Its path is longer than ${PATH_MAXIMUM} bytes, which the format cannot hold, and it is left out`
      : target !== undefined && isLong(target)
      ? `Its target is longer than ${PATH_MAXIMUM} bytes, which the format cannot hold, and it is left out`
      : target !== undefined && !byteNames && isByteName(target)
      ? "Its target is not UTF-8, which the format cannot hold, and it is left out"
      : undefined
    if (problem === undefined || entry.kind === "unreadable") return entry
    return { path, kind: "unreadable", metadata: entry.metadata, size: 0, problem }
  })

const isLong = (text: string): boolean =>
  text.length > PATH_MAXIMUM || (3 * text.length > PATH_MAXIMUM && pathToBytes(text).length > PATH_MAXIMUM)

/**
 * Puts the entries of the parent into the tree: a run changes what changed. What of them cannot be read is read anew.
 * Gives whether all could be read.
 */
const startFrom = Effect.fnUntraced(function* (
  blocks: BlockStore,
  known: RunIndex,
  tree: Tree,
  parent: Root,
  hostname: string,
) {
  let whole = true
  yield* catching(SqliteError, () => tree.begin())
  yield* walkRoot(blocks.reader, parent, {
    read: (path, listing) => known.addListing("old", path, listing),
    lost: () => {
      whole = false
    },
  }).pipe(
    Stream.runForEachArray((entries) =>
      catching(SqliteError, () => {
        for (const { host, listing: _listing, ...entry } of entries) {
          tree.put(entry)
          if (parent.listing === "json" && entry.path !== "") keepHost(known, entry, host, hostname)
          const ref = refFromChunks(entry.chunks, entry.size)
          if (ref !== undefined) known.addContent(ref)
        }
      })
    ),
    Effect.catchIf((error) => error._tag !== "SqliteError" && isDamage(error), ({ message }) => {
      whole = false
      return Effect.logWarning(`${message}. All files are read again`)
    }),
  )
  yield* catching(SqliteError, () => tree.commit())
  return whole
})

/**
 * Without a parent nothing is known to be unchanged, but what is read need not be stored again. Listings that roots
 * share are read once.
 */
const knowContents = Effect.fnUntraced(function* (blocks: BlockStore, known: RunIndex, roots: ReadonlyArray<Root>) {
  const seen = new ChunkIndex()
  const skip = (bptr: Bptr): boolean => !seen.claim(addressKey(bptr))
  for (const root of roots) {
    yield* walkRoot(blocks.reader, root, { skip }).pipe(
      Stream.runForEachArray((entries) =>
        catching(SqliteError, () => {
          for (const { chunks, size } of entries) {
            const ref = refFromChunks(chunks, size)
            if (ref !== undefined) known.addContent(ref)
          }
        })
      ),
      Effect.catchIf(
        (error) => error._tag !== "SqliteError" && isDamage(error),
        ({ message }) => Effect.logWarning(message),
      ),
    )
  }
})
