/** Copies snapshots between repositories, chunk by chunk. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { sameId } from "../../stages/hash/chunk_list.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { packsOf } from "../../stages/pack/packs.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { makeTransfer, sameNames } from "../../stages/fetch/transfer.ts"
import type { Copier, SnapshotInfo } from "../repository.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { writing } from "./backup.ts"
import { learnNames, makeChunkNames } from "./chunk_names.ts"
import { fromKernelError, fromSqliteError } from "./errors.ts"
import { catalogOpener } from "./mend.ts"
import { catalogEntries, type Opened, withCatalogs } from "./opened.ts"
import { infoOf, listSnapshots, type SnapshotObject } from "./snapshot.ts"
import { writeSnapshot } from "./snapshot_write.ts"

/** What copies from one repository into another, which may have another key. It is in use as long as the scope. */
export const makeCopier: (
  given: Opened,
  to: Opened,
) => Effect.Effect<Copier, FormatError, Scope.Scope> = (given, to) =>
  build(given, to).pipe(
    Effect.catch((error) =>
      Effect.fail(
        error instanceof KernelError
          ? fromKernelError(error)
          : error instanceof SqliteError
          ? fromSqliteError("the names of chunks")(error)
          : error,
      )
    ),
  )

const build = Effect.fnUntraced(function* (given: Opened, to: Opened) {
  const table = yield* Kernels
  const inSource = Effect.provideService(ObjectStore, given.store)
  const inTarget = Effect.provideService(ObjectStore, to.store)
  // Opened once for all snapshots.
  const unpacker = yield* inSource(packsOf(given.layout.data).read)
  const packer = yield* inTarget(packsOf(to.layout.data).write)
  const from = yield* withCatalogs(given)

  const nothing = new Uint8Array(0)
  const sameKey = sameId(
    makeKernel(from.layout.hash, table).digest(nothing),
    makeKernel(to.layout.hash, table).digest(nothing),
  )
  const names = sameKey ? sameNames : yield* makeChunkNames(to.engine)
  const transfer = yield* makeTransfer({
    from: {
      unpacker,
      decrypt: from.layout.encrypt,
      decompress: from.layout.compress,
      hash: from.layout.hash,
    },
    to: {
      packer,
      plan: [to.layout.chunk, to.layout.hash, to.layout.compress, to.layout.encrypt],
      blocks: sameKey ? "sealed" : "compressed",
    },
    names,
  })

  const sources = yield* listSnapshots(from.store, from.layout)
  const listed = yield* listSnapshots(to.store, to.layout)
  for (const { message } of listed.damaged) yield* Effect.logWarning(`${message}. Run "penstock rebuild"`)
  let { next } = listed
  /** Snapshots of the target, by what they are copies of. */
  const there = new Map<string, SnapshotObject>()
  for (const snapshot of listed.snapshots) {
    const before = there.get(originOf(snapshot))
    // One that came later may have what was lost before.
    if (before === undefined || before.record.files <= snapshot.record.files) there.set(originOf(snapshot), snapshot)
  }
  const openSource = catalogOpener(from)

  const learned = new Set<string>()
  /** Learns the names of the chunks of a snapshot that both have. */
  const learn = Effect.fnUntraced(function* (source: SnapshotObject) {
    const copy = there.get(originOf(source))
    if (sameKey || copy === undefined || learned.has(originOf(source))) return
    learned.add(originOf(source))
    yield* Effect.scoped(Effect.gen(function* () {
      const [a, b] = [yield* openSource(source), yield* catalogOpener(to)(copy)]
      yield* learnNames(names, a.tree, b.tree).pipe(
        Effect.mapError((error) => error instanceof SqliteError ? fromSqliteError(source.name)(error) : error),
      )
    })).pipe(
      // Damage costs time only: what is not known is fetched.
      Effect.catchIf(
        (error) => error._tag === "RepositoryError" && error.reason === "corrupt",
        (error) => Effect.logWarning(error.message),
      ),
    )
  })

  const copy = Effect.fnUntraced(
    function* (snapshot: SnapshotInfo, { progress }: NonNullable<Parameters<Copier["copy"]>[1]> = {}) {
      const source = sources.snapshots.find(({ record }) => record.id === snapshot.id)
      if (source === undefined) {
        return yield* new RepositoryError({
          reason: "unknown-snapshot",
          message: `There is no snapshot ${snapshot.id}`,
        })
      }
      const existing = there.get(originOf(source))
      const common = sources.snapshots.filter((one) => there.has(originOf(one)))
      for (const one of teachers(source, common)) yield* learn(one)
      const opened = yield* Effect.result(openSource(source))
      if (opened._tag === "Failure") {
        if (!isLost(opened.failure)) return yield* opened.failure
        return { lost: opened.failure }
      }
      const { tree } = opened.success
      const { hostname, paths, started, tags, time, username } = source.record
      const nearest = nearestOf(source, common)
      let failure: FormatError | undefined
      const entries = catalogEntries(tree, source.name).pipe(
        Stream.tapError((error) =>
          Effect.sync(() => {
            failure = error
          })
        ),
      )
      const written = yield* Effect.result(writeSnapshot(to, {
        // A backup that goes on from the copy trusts the time stamps that the original would have trusted.
        about: { time, started, hostname, username, paths, tags, original: originOf(source) },
        parent: nearest === undefined ? undefined : there.get(originOf(nearest)),
        entries: () => transfer.entries(entries),
        next,
        progress,
        worth: (files) => existing === undefined || files > existing.record.files,
      }))
      if (written._tag === "Failure") {
        const error = written.failure
        if (failure !== undefined && error === failure && isLost(failure)) return { lost: failure }
        return yield* Effect.fail(error)
      }
      const { made, summary } = written.success
      if (made === undefined) return { there: infoOf(existing!.record) }
      there.set(originOf(source), made.snapshot)
      // What was copied has taught all of its names.
      learned.add(originOf(source))
      next = made.number + 1
      return summary
    },
  )
  return { copy: (snapshot, options) => writing(to, copy(snapshot, options)) } satisfies Copier as Copier
})

/** The ID of the snapshot that was first. */
const originOf = ({ record }: SnapshotObject): string => record.original ?? record.id

const isLost = (error: FormatError): boolean => error._tag === "RepositoryError" && error.reason === "corrupt"

/** Snapshots of the same host and paths have the same. */
const groupOf = ({ record: { hostname, paths } }: SnapshotObject): string => JSON.stringify([hostname, paths])

/**
 * The snapshot that most likely has the most in common with another: itself, when a copy of it is not whole, its
 * parent, else that of the same host and paths at the nearest time.
 */
const nearestOf = (of: SnapshotObject, all: ReadonlyArray<SnapshotObject>): SnapshotObject | undefined => {
  const certain = all.find((one) => one === of) ?? all.find(({ record }) => record.id === of.record.parent)
  if (certain !== undefined) return certain
  const away = ({ record }: SnapshotObject): number => Math.abs(record.time - of.record.time)
  const group = groupOf(of)
  return all.filter((one) => groupOf(one) === group).sort((a, b) => away(a) - away(b))[0]
}

/**
 * The snapshots, of some that are sorted by time, that tell the names of most chunks of another: the nearest, and the
 * newest of each host and paths.
 */
const teachers = (of: SnapshotObject, all: ReadonlyArray<SnapshotObject>): Iterable<SnapshotObject> => {
  const newest = new Map(all.map((one) => [groupOf(one), one])).values()
  const nearest = nearestOf(of, all)
  return new Set(nearest === undefined ? newest : [nearest, ...newest])
}
