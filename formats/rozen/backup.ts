/** Makes a snapshot of a stream of entries. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { chunk } from "../../stages/chunk/chunk.ts"
import { compress } from "../../stages/compress/compress.ts"
import { encrypt } from "../../stages/encrypt/encrypt.ts"
import { hash } from "../../stages/hash/hash.ts"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import { pack, type Packed } from "../../stages/pack/pack.ts"
import { packsOf } from "../../stages/pack/packs.ts"
import { plan, type Planned, type Steps } from "../../stages/plan/plan.ts"
import { listedOnce } from "../../stages/store/listed_once.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { Losses, represent } from "../../stages/walk/represent.ts"
import { reuse } from "../../stages/catalog/reuse.ts"
import { treeFidelity } from "../../stages/walk/fidelity.ts"
import { type Backup, openedFor } from "../backup.ts"
import type { FormatError } from "../error.ts"
import { chooseParent } from "../parent.ts"
import type { BackupOptions } from "../repository.ts"
import { ensureScratch } from "../scratch.ts"
import { fromStageError } from "./errors.ts"
import { type Opened, withCatalogs } from "./opened.ts"
import { aboutOf, listSnapshots } from "./snapshot.ts"
import { writeSnapshot } from "./snapshot_write.ts"

/** Makes a snapshot. A dry run does the same, in a store that discards what is written. */
export const backup: Backup<Opened> = (given, entries, options) => {
  const opened = openedFor(given, options)
  return intoSnapshot(opened, storeEntries(opened, entries, options)) as never
}

/** Gives what writes a snapshot its store and scope, and turns errors of stages into errors of the repository. */
export const intoSnapshot = <A, E, R>(
  { store }: Opened,
  write: Effect.Effect<A, E | FormatError | KernelError | SqliteError, R | ObjectStore | Scope.Scope>,
): Effect.Effect<A, Exclude<E, KernelError | SqliteError> | FormatError, Exclude<R, ObjectStore | Scope.Scope>> =>
  Effect.scoped(write).pipe(
    Effect.mapError(fromStageError("the new catalog")),
    Effect.provideService(ObjectStore, store),
  ) as never

const storeEntries = Effect.fnUntraced(
  function* <E, R>(opened: Opened, entries: Stream.Stream<Entry, E, R>, options: BackupOptions) {
    const { layout, store } = opened
    yield* ensureScratch(opened.engine)
    // One listing tells the snapshots and the indexes.
    const listed = yield* listedOnce(store, "INDEX/")
    const packing = packsOf(layout.data)
    const run = yield* layout.runs.current
    const packer = yield* Effect.forkScoped(Effect.provideService(packing.write, ObjectStore, listed))
    const now = yield* Clock.currentTimeMillis
    const { damaged, forgotten, next, snapshots } = yield* listSnapshots(listed, layout)
    for (const { message } of damaged) yield* Effect.logWarning(`${message}. Run "penstock rebuild"`)
    for (const { message } of forgotten.problems) yield* Effect.logWarning(message)
    const parent = yield* chooseParent(snapshots, options, ({ record }) => record)
    // Without a parent nothing is read of catalogs, and the listing that was made tells which packs they have. A
    // parent's catalog may be in packs that are newer than that listing.
    const from = parent === undefined ? { ...opened, store: listed } : opened
    const losses = new Losses()
    const planned = plan(represent(treeFidelity, losses)(entries))
    const { summary } = yield* writeSnapshot(yield* withCatalogs(from), {
      about: aboutOf(options, now),
      parent,
      entries: (tree, started) => {
        const incremental: Stream.Stream<Planned<readonly ["walk"]>, E, R> = started === undefined
          ? planned
          : reuse(tree.lookup, started.started, options.compare)(planned)
        return incremental.pipe(
          chunk(layout.chunk),
          hash(layout.hash),
          compress(layout.compress),
          encrypt(run.blocks),
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
