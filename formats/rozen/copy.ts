/** Copies snapshots from one repository into another, chunk by chunk. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { type ChunkNames, sameNames } from "../../stages/fetch/chunk_names.ts"
import { makeTransfer, type Transfer } from "../../stages/fetch/transfer.ts"
import { sameId } from "../../stages/hash/chunk_list.ts"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import { Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { packsOf } from "../../stages/pack/packs.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { FormatError, RepositoryError } from "../error.ts"
import { readFailure } from "../read_failure.ts"
import type { Copier } from "../repository.ts"
import { intoSnapshot } from "./backup.ts"
import { type Catalog, catalogEntries, catalogOpener } from "./catalog.ts"
import { learnNames, makeChunkNames } from "./chunk_names.ts"
import { nearestTo, originOf, teachersOf } from "./copy_order.ts"
import { fromSqliteError, fromStageError } from "./errors.ts"
import { type Opened, withCatalogs } from "./opened.ts"
import { findSnapshot, infoOf, listSnapshots, type SnapshotObject } from "./snapshot.ts"
import { type MadeSnapshot, writeSnapshot } from "./snapshot_write.ts"

/**
 * Makes what copies snapshots of one repository into another, which may have another key. It can be used as long as the
 * scope is open.
 */
export const makeCopier = (from: Opened, to: Opened): Effect.Effect<Copier, FormatError, Scope.Scope> =>
  Effect.mapError(startCopy(from, to), fromStageError("the names of chunks"))

const startCopy = Effect.fnUntraced(function* (given: Opened, to: Opened) {
  const from = yield* withCatalogs(given)
  const names = (yield* haveSameKey(from, to)) ? undefined : yield* makeChunkNames(to.engine)
  const unpacker = yield* Effect.provideService(packsOf(from.layout.data).read, ObjectStore, from.store)
  const run = yield* to.layout.runs.current
  const packer = yield* Effect.provideService(packsOf(to.layout.data).write, ObjectStore, to.store)
  const transfer = yield* makeTransfer({
    from: {
      unpacker,
      decompress: from.layout.compress,
      hash: from.layout.hash,
    },
    to: {
      packer,
      plan: [to.layout.chunk, to.layout.hash, to.layout.compress, run.blocks],
      wholeBlocks: true,
    },
    names: names ?? sameNames,
  })
  const { snapshots } = yield* listSnapshots(from.store, from.layout)
  const listed = yield* listSnapshots(to.store, to.layout)
  for (const { message } of listed.damaged) yield* Effect.logWarning(`${message}. Run "penstock rebuild"`)
  for (const { message } of listed.forgotten.problems) yield* Effect.logWarning(message)
  const copies = new Copies(snapshots, listed.snapshots, listed.next)
  const openSource = catalogOpener(from)
  const openTarget = catalogOpener(to)
  const copier: Copier = {
    copy: (snapshot, { progress } = {}) =>
      intoSnapshot(
        to,
        Effect.gen(function* () {
          const source = yield* findSnapshot(snapshots, snapshot.id)
          if (names !== undefined) yield* learn(names, copies, source, openSource, openTarget)
          return yield* copyOne({ to, transfer, copies, source, openSource, progress })
        }),
      ),
  }
  return copier
})

/** Whether chunks have the same IDs in both repositories. */
const haveSameKey = Effect.fnUntraced(function* (from: Opened, to: Opened) {
  const table = yield* Kernels
  const nothing = new Uint8Array(0)
  return sameId(
    makeKernel(from.layout.hash, table).digest(nothing),
    makeKernel(to.layout.hash, table).digest(nothing),
  )
})

/** Which snapshots of the source the target has. */
class Copies {
  readonly #sources: ReadonlyArray<SnapshotObject>
  /** Snapshots of the target, by the ID of their original. */
  readonly #byOrigin = new Map<string, SnapshotObject>()
  /** Originals whose names of chunks are known. */
  readonly #learned = new Set<string>()
  /** The number of the next snapshot of the target. */
  next: number

  constructor(sources: ReadonlyArray<SnapshotObject>, targets: ReadonlyArray<SnapshotObject>, next: number) {
    this.#sources = sources
    this.next = next
    for (const target of targets) {
      const before = this.#byOrigin.get(originOf(target))
      // A later copy may have files that the source had lost before.
      if (before === undefined || before.record.files <= target.record.files) {
        this.#byOrigin.set(originOf(target), target)
      }
    }
  }

  /** The copy of a snapshot of the source. */
  of(source: SnapshotObject): SnapshotObject | undefined {
    return this.#byOrigin.get(originOf(source))
  }

  /** The snapshots of the source that were copied. */
  get copied(): ReadonlyArray<SnapshotObject> {
    return this.#sources.filter((source) => this.of(source) !== undefined)
  }

  /** A snapshot was copied. Its copy has taught the names of all of its chunks. */
  add(source: SnapshotObject, { number, snapshot }: MadeSnapshot): void {
    this.#byOrigin.set(originOf(source), snapshot)
    this.#learned.add(originOf(source))
    this.next = number + 1
  }

  /** True the first time for each original. */
  isNews(source: SnapshotObject): boolean {
    if (this.#learned.has(originOf(source))) return false
    this.#learned.add(originOf(source))
    return true
  }
}

type OpenCatalog = (snapshot: SnapshotObject) => Effect.Effect<Catalog, FormatError, Scope.Scope>

/** Learns the names of chunks from the snapshots that both repositories have. */
const learn = Effect.fnUntraced(function* (
  names: ChunkNames,
  copies: Copies,
  source: SnapshotObject,
  openSource: OpenCatalog,
  openTarget: OpenCatalog,
): Effect.fn.Return<void, FormatError | KernelError> {
  for (const teacher of teachersOf(source, copies.copied)) {
    if (!copies.isNews(teacher)) continue
    yield* Effect.gen(function* () {
      const original = yield* openSource(teacher)
      const copy = yield* openTarget(copies.of(teacher)!)
      yield* Effect.mapError(
        learnNames(names, original.tree, copy.tree),
        (error) => error instanceof SqliteError ? fromSqliteError(teacher.name)(error) : error,
      )
    }).pipe(
      Effect.scoped,
      // Damage only costs time: chunks whose names are not known are fetched.
      Effect.catchIf(isCorrupt, (error) => Effect.logWarning(error.message)),
    )
  }
})

/** Copies one snapshot: see {@link Copier.copy}. */
const copyOne = Effect.fnUntraced(function* ({ copies, openSource, progress, source, to, transfer }: {
  readonly to: Opened
  readonly transfer: Transfer
  readonly copies: Copies
  readonly source: SnapshotObject
  readonly openSource: OpenCatalog
  readonly progress: NonNullable<Parameters<Copier["copy"]>[1]>["progress"]
}) {
  const existing = copies.of(source)
  const nearest = nearestTo(source, copies.copied)
  const copied = Effect.gen(function* () {
    const { tree } = yield* Effect.mapError(openSource(source), readFailure)
    const entries = Stream.mapError(catalogEntries(tree, source.name), readFailure)
    const { hostname, paths, started, tags, time, username } = source.record
    return yield* writeSnapshot(to, {
      // A backup that goes on from the copy trusts the time stamps that the original would have trusted.
      about: { time, started, hostname, username, paths, tags, original: originOf(source) },
      parent: nearest === undefined ? undefined : copies.of(nearest),
      entries: () => transfer.entries(entries),
      next: copies.next,
      progress,
      worth: (files) => existing === undefined || files > existing.record.files,
    })
  })
  return yield* copied.pipe(
    Effect.map(({ made, summary }) => {
      if (made === undefined) return { there: infoOf(existing!.record) }
      copies.add(source, made)
      return summary
    }),
    Effect.catchTag(
      "ReadFailure",
      ({ error }) => isCorrupt(error) ? Effect.succeed({ lost: error as FormatError }) : Effect.fail(error),
    ),
  )
})

const isCorrupt = (error: FormatError | KernelError): error is RepositoryError =>
  error._tag === "RepositoryError" && error.reason === "corrupt"
