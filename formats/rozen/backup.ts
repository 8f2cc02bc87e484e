/** Makes a snapshot of a stream of entries. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { treeFidelity } from "../../stages/walk/fidelity.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { chunk } from "../../stages/chunk/chunk.ts"
import { compress } from "../../stages/compress/compress.ts"
import { encrypt } from "../../stages/encrypt/encrypt.ts"
import { hash } from "../../stages/hash/hash.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { discarding } from "../../stages/store/discarding.ts"
import { listedOnce } from "../../stages/store/listed_once.ts"
import { pack, type Packed } from "../../stages/pack/pack.ts"
import { packsOf } from "../../stages/pack/packs.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import { plan, type Planned, type Steps } from "../../stages/plan/plan.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { Losses, represent } from "../../stages/walk/represent.ts"
import { reuse } from "../../stages/catalog/reuse.ts"
import type { BackupOptions, BackupSummary } from "../repository.ts"
import { chooseParent } from "../parent.ts"
import type { FormatError } from "../error.ts"
import { ensureScratch } from "../scratch.ts"
import { fromKernelError, fromSqliteError } from "./errors.ts"
import { type Opened, withCatalogs } from "./opened.ts"
import { listSnapshots } from "./snapshot.ts"
import { writeSnapshot } from "./snapshot_write.ts"

export const backup: <E, R>(
  opened: Opened,
  entries: Stream.Stream<Entry, E, R>,
  options: BackupOptions,
) => Effect.Effect<BackupSummary, FormatError | E, R> = (given, entries, options) => {
  const opened = options.dryRun === true ? { ...given, store: discarding(given.store) } : given
  return writing(opened, run(opened, entries, options)) as never
}

/** Runs what writes a snapshot. */
export const writing = <A, E, R>(
  { store }: Opened,
  run: Effect.Effect<A, E | FormatError | KernelError | SqliteError, R | ObjectStore | Scope.Scope>,
): Effect.Effect<A, Exclude<E, KernelError | SqliteError> | FormatError, Exclude<R, ObjectStore | Scope.Scope>> =>
  Effect.scoped(run).pipe(
    Effect.catch((error) =>
      Effect.fail(
        error instanceof KernelError
          ? fromKernelError(error)
          : error instanceof SqliteError
          ? fromSqliteError("the new catalog")(error)
          : error,
      )
    ),
    Effect.provideService(ObjectStore, store),
  ) as never

const run = Effect.fnUntraced(
  function* <E, R>(opened: Opened, entries: Stream.Stream<Entry, E, R>, options: BackupOptions) {
    const { layout, store } = opened
    yield* ensureScratch(opened.engine)
    // One listing tells the snapshots and the indexes.
    const listed = yield* listedOnce(store, "INDEX/")
    const packing = packsOf(layout.data)
    const packer = yield* Effect.forkScoped(Effect.provideService(packing.write, ObjectStore, listed))
    const now = yield* Clock.currentTimeMillis
    const { damaged, next, snapshots } = yield* listSnapshots(listed, layout)
    for (const { message } of damaged) yield* Effect.logWarning(`${message}. Run "penstock rebuild"`)
    const parent = yield* chooseParent(snapshots, options, ({ record }) => record)
    // Where there is no catalog to start from, the first listing tells what there is of catalogs, too; else one that
    // comes after it has to.
    const from = parent === undefined ? { ...opened, store: listed } : opened
    const losses = new Losses()
    const planned = plan(represent(treeFidelity, losses)(entries))
    const { summary } = yield* writeSnapshot(yield* withCatalogs(from), {
      about: {
        time: options.time ?? now,
        started: now,
        hostname: options.hostname ?? "",
        username: options.username ?? "",
        paths: options.paths,
        tags: options.tags ?? [],
      },
      parent,
      entries: (tree, started) => {
        const incremental: Stream.Stream<Planned<readonly ["walk"]>, E, R> = started === undefined
          ? planned
          : reuse(tree.lookup, started.started, options.compare)(planned)
        return incremental.pipe(
          chunk(layout.chunk),
          hash(layout.hash),
          compress(layout.compress),
          encrypt(layout.encrypt),
          pack({ ...packing, write: Fiber.join(packer) }),
        ) as Stream.Stream<Packed<Steps>, E | StoreError | KernelError, R | ObjectStore>
      },
      losses,
      next,
      dryRun: options.dryRun,
      progress: options.progress,
    })
    return summary
  },
)
