/**
 * Makes a snapshot. Stores chunks, then trees and files, then the snapshot, then the link and the head that make it the
 * client's latest.
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { record, type Recorder } from "../../stages/catalog/record.ts"
import { reuseListed } from "../../stages/catalog/reuse.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { chunk } from "../../stages/chunk/chunk.ts"
import { chunkCount, chunkId } from "../../stages/hash/chunk_list.ts"
import { hash } from "../../stages/hash/hash.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { pack } from "../../stages/pack/pack.ts"
import { plan } from "../../stages/plan/plan.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { makeMeter, ReadProgress } from "../../stages/run/progress.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import type { Fidelity } from "../../stages/walk/fidelity.ts"
import { displayPath, joinPath, pathProblem } from "../../stages/walk/path.ts"
import { Losses, represent } from "../../stages/walk/represent.ts"
import { type Backup, openedFor } from "../backup.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { chooseParent } from "../parent.ts"
import type { RecordFidelity } from "../record_fidelity.ts"
import type { BackupOptions } from "../repository.ts"
import { summaryOf } from "../summary.ts"
import { SECOND } from "./attributes.ts"
import { earlierFiles, EarlierTree } from "./earlier_tree.ts"
import { corrupt, fromKernelError, isDamage } from "./errors.ts"
import { isForgotten } from "./forgotten.ts"
import { advanceHead, clientOf, readLatest } from "./heads.ts"
import { singleName } from "./layout.ts"
import { type ObjectReader, openAreas } from "./object_reader.ts"
import { ObjectWriter } from "./object_writer.ts"
import { encodeSnapshot, SNAPSHOT, type SnapshotObject } from "./objects.ts"
import type { Opened } from "./opened.ts"
import { chunkPacking } from "./packing.ts"
import { type ClientSnapshot, infoOf, listSnapshots, readSnapshot } from "./snapshot.ts"
import { readNode } from "./tree_read.ts"
import { TreeWriter } from "./tree_write.ts"

/** What objects keep of an entry. */
export const fidelity: Fidelity = {
  kinds: ["file", "directory", "symlink"],
  mode: true,
  owner: false,
  mtime: Number(SECOND),
  mtimeFrom: 0n,
  hardlinks: false,
  sparse: false,
  byteNames: true,
}

/** What heads and snapshot objects keep of a snapshot. */
export const recordFidelity: RecordFidelity = { tags: false, hostname: true, username: false, paths: false, time: 1000 }

/** A parent of any age: `earlierFiles` leaves out files that may have changed after they were read. */
const ANY_TIME = Number.MAX_SAFE_INTEGER

export const backup: Backup<Opened> = (given, entries, options) => {
  const opened = openedFor(given, options)
  return Effect.scoped(makeSnapshot(opened, entries, options)).pipe(
    Effect.catch((error) =>
      error instanceof KernelError
        ? Effect.fail(fromKernelError(error))
        // `record` writes no database here: the recorder only counts.
        : error instanceof SqliteError
        ? Effect.die(error)
        : Effect.fail(error)
    ),
    Effect.provideService(ObjectStore, opened.store),
    Effect.provideService(Kernels, opened.table),
  ) as never
}

const makeSnapshot = Effect.fnUntraced(
  function* <E, R>(opened: Opened, entries: Stream.Stream<Entry, E, R>, options: BackupOptions) {
    const { chunk: chunker, part, store, table } = opened
    yield* checkPart(part)
    const now = yield* Clock.currentTimeMillis
    const client = yield* clientOf(store, options.hostname ?? "")
    const { blocks, metadata } = yield* openAreas(opened)
    const { base, latest, previous } = yield* readEarlier(opened, options, client, metadata)
    const blockWriter = new ObjectWriter(opened, blocks.index)
    const metadataWriter = new ObjectWriter(opened, metadata.index)
    const tree = new TreeWriter({
      index: metadata.index,
      writer: metadataWriter,
      earlier: previous,
      createTime: seconds(now),
      part,
    }, makeKernel(sha256, table))

    const losses = new Losses()
    const planned = plan(Stream.map(represent(fidelity, losses)(entries), (entry) => under(part, entry)))
    const packed = planned.pipe(
      reuseListed((directory) => earlierFiles(base, blocks, directory), ANY_TIME, SECOND, options.compare),
      chunk(chunker),
      hash(sha256),
      pack(chunkPacking(blocks, blockWriter)),
    )
    // Chunks that another unit of work claimed are stored by the end, unless only the first bits of their IDs agree.
    const unsettled: Array<{ readonly id: Uint8Array; readonly path: string }> = []
    const written = Stream.mapArrayEffect(packed, (stored) => {
      for (const entry of stored) unsettled.push(...missingOf(entry, blocks))
      return Effect.as(tree.add(stored), stored)
    })
    const meter = makeMeter(options.progress)
    const recorded = yield* record(written, counting, { progress: meter.recorded }).pipe(
      Effect.provideService(ReadProgress, meter.read),
    )
    for (const { id, path } of unsettled) {
      if (blocks.index.find(id) < 0) return yield* collision(path)
    }
    const root = yield* tree.finish
    yield* metadataWriter.flush

    const snapshot = yield* commit(opened, metadataWriter, options, client, latest, {
      type: SNAPSHOT,
      createTime: seconds(options.time ?? now),
      root,
    })
    const bytesStored = blockWriter.written.bytesStored + metadataWriter.written.bytesStored
    const summary = summaryOf(recorded, bytesStored, losses.all)
    return options.dryRun === true ? summary : { ...summary, snapshot: infoOf(snapshot) }
  },
)

const checkPart = (part: string): Effect.Effect<void, RepositoryError> => {
  const wrong = pathProblem(part)
  if (wrong === undefined) return Effect.void
  const message = `"${displayPath(part)}" cannot be the part of the tree that is backed up: ${wrong}`
  return Effect.fail(new RepositoryError({ reason: "unsupported", message }))
}

/** What a run uses of earlier snapshots. Each tree is walked on its own. */
interface Earlier {
  /** ID in hex of the client's latest snapshot; undefined if it has none. */
  readonly latest: string | undefined
  /** The tree of the newest snapshot that was not forgotten: its objects are used again and carried over. */
  readonly previous: EarlierTree
  /** The tree whose unchanged files are not read again: the same one, unless the user chose another. */
  readonly base: EarlierTree
}

const readEarlier = Effect.fnUntraced(function* (
  opened: Opened,
  options: BackupOptions,
  client: string,
  metadata: ObjectReader,
): Effect.fn.Return<Earlier, FormatError> {
  const read = Effect.gen(function* () {
    const latest = yield* readLatest(opened.store, client)
    const node = options.hostname ?? ""
    return { latest, previous: yield* newestKept(opened, metadata, node, client, latest) }
  })
  const { latest, previous } = yield* readTwice("heads/", read)
  const base = options.parent === undefined ? previous : yield* chooseBase(opened, options)
  const treeOf = (snapshot: ClientSnapshot | undefined) =>
    snapshot === undefined
      ? Effect.succeed(new EarlierTree(metadata, undefined))
      : Effect.map(rootOf(opened, metadata, snapshot.snapshot), (root) => new EarlierTree(metadata, root))
  return { latest, base: yield* treeOf(base), previous: yield* treeOf(previous) }
})

/** Records nothing, so that `record` only counts. The tree is written before. */
const counting: Recorder = { begin: () => {}, put: () => {}, removeUnseen: () => 0, commit: () => {} }

const seconds = (milliseconds: number): bigint => BigInt(Math.max(0, Math.floor(milliseconds / 1000)))

const under = (part: string, entry: Entry): Entry =>
  part === "" ? entry : { ...entry, path: joinPath(part, entry.path) }

/** The newest snapshot of a client that was not forgotten; undefined if there is none, or if it is damaged. */
const newestKept = Effect.fnUntraced(function* (
  opened: Opened,
  metadata: ObjectReader,
  node: string,
  client: string,
  latest: string | undefined,
) {
  let id = latest
  while (id !== undefined) {
    const found: ClientSnapshot | undefined = yield* readPrevious(opened, metadata, node, id)
    if (found === undefined || !(yield* isForgotten(opened.store, client, id))) return found
    const { parent } = found.snapshot
    id = parent === undefined ? undefined : bytesToHex(parent)
  }
  return undefined
})

/** A client's latest snapshot; undefined if it is damaged. Fails if it is missing, because then the head is wrong. */
const readPrevious = Effect.fnUntraced(function* (opened: Opened, metadata: ObjectReader, node: string, hex: string) {
  const id = hexToBytes(hex)
  if ((yield* metadata.find(id)) < 0 && metadata.index.damagedPack(hex) === undefined) {
    const message = `The latest snapshot of "${displayPath(node)}", ${hex}, is missing; run "penstock rebuild"`
    return yield* corrupt(singleName("metadata", id), message)
  }
  return yield* unlessDamaged(
    opened,
    Effect.map(readSnapshot(metadata, hex), (snapshot): ClientSnapshot => ({ id: hex, node, snapshot })),
  )
})

const rootOf = (opened: Opened, metadata: ObjectReader, { root }: SnapshotObject) =>
  unlessDamaged(opened, Effect.map(readNode(metadata, root), (node) => ({ id: root, node })))

/** Undefined if it is damaged. That only costs time, unless something is to be carried over: then it is a failure. */
const unlessDamaged = <A>(
  opened: Opened,
  read: Effect.Effect<A, FormatError>,
): Effect.Effect<A | undefined, FormatError> =>
  Effect.catch(
    read,
    (error) =>
      isDamage(error) && opened.part === ""
        ? Effect.as(Effect.logWarning(`${error.message}. All files are read again`), undefined)
        : Effect.fail(error),
  )

/** The snapshot that the user chose to compare with. */
const chooseBase = (opened: Opened, options: BackupOptions): Effect.Effect<ClientSnapshot | undefined, FormatError> =>
  Effect.flatMap(
    options.parent === "none" ? Effect.succeed([]) : Effect.map(listSnapshots(opened), ({ snapshots }) => snapshots),
    (snapshots) => chooseParent(snapshots, options, (snapshot) => ({ ...infoOf(snapshot), paths: options.paths })),
  )

/** The chunks of a file that are not stored yet. Another unit of work must have claimed them. */
const missingOf = ({ chunks, path, reused }: Stored, blocks: ObjectReader) => {
  const missing: Array<{ readonly id: Uint8Array; readonly path: string }> = []
  for (let i = 0; !reused && i < chunkCount(chunks); i++) {
    const id = chunkId(chunks, i)
    if (blocks.index.find(id) < 0) missing.push({ id, path })
  }
  return missing
}

const collision = (path: string): RepositoryError =>
  new RepositoryError({
    reason: "unsupported",
    message:
      `A part of "${displayPath(path)}" has the same first 96 bits of its SHA-256 as another content of this run. ` +
      "Such pairs exist only where somebody searched for them: leave the file out",
  })

/** Stores the snapshot after the client's latest one, which may have changed since `before` was read. */
const commit = Effect.fnUntraced(function* (
  opened: Opened,
  writer: ObjectWriter,
  options: BackupOptions,
  client: string,
  before: string | undefined,
  made: SnapshotObject,
) {
  const node = options.hostname ?? ""
  const hasher = makeKernel(sha256, opened.table)
  for (let parent = before;;) {
    const snapshot: SnapshotObject = { ...made, ...(parent === undefined ? {} : { parent: hexToBytes(parent) }) }
    const bytes = encodeSnapshot(snapshot)
    const id = hasher.digest(bytes)
    const result: ClientSnapshot = { id: bytesToHex(id), node, snapshot }
    yield* writer.single({ id, bytes })
    if (options.dryRun === true || (yield* advanceHead(opened.store, client, parent, result.id))) return result
    if (opened.part !== "") {
      return yield* new RepositoryError({
        reason: "exists",
        message: `Another backup of "${
          displayPath(node)
        }" ended in the meantime, and this one does not have its changes: run it again`,
      })
    }
    parent = yield* readLatest(opened.store, client)
  }
})
