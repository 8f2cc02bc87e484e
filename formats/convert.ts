/**
 * Converts a repository of one format to another. Entries stream from snapshot to snapshot, without a copy in between.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { counterparts, isTimeless } from "./counterparts.ts"
import { type FormatError, isDamage } from "./error.ts"
import { readFailure } from "./read_failure.ts"
import type { BackupSummary, Problem, Progress, Repository, SnapshotInfo } from "./repository.ts"

/** What to convert. */
export interface ConvertOptions {
  /** Which snapshots of the source; by default all, oldest first. */
  readonly snapshots?: ReadonlyArray<SnapshotInfo>
  /** Called now and then with the snapshot that is under way. */
  readonly progress?: (source: SnapshotInfo, progress: Progress) => void
}

/** The outcome for one snapshot. `Done` is the outcome when it was made. */
export type Made<Done extends string> =
  /** The target has it already. */
  | { readonly outcome: "there"; readonly source: SnapshotInfo; readonly target: SnapshotInfo }
  /** `summary.problems` names the files that the source has lost, and the entries that the target cannot hold. */
  | {
    readonly outcome: Done
    readonly source: SnapshotInfo
    readonly target: SnapshotInfo
    readonly summary: BackupSummary
  }
  /** The source cannot list its entries any more. */
  | { readonly outcome: "lost"; readonly source: SnapshotInfo; readonly error: FormatError }

/** The outcome for a snapshot that was to be converted. */
export type Converted = Made<"converted">

/**
 * Makes snapshots of one repository in another, with their times, names, paths and tags as far as the target keeps
 * them. Gives the outcome for each snapshot. Snapshots that the target has already are left alone, so a conversion can
 * be repeated, and goes on where a run that was killed has ended.
 *
 * A snapshot without a time (of an archive that keeps none) gets the current time, and is converted again each time. In
 * a target that holds only one snapshot, each takes the place of the one before.
 *
 * Every snapshot is read whole. Metadata cannot tell here which files two snapshots have in common, because the target
 * does not know when the source read them.
 *
 * @example Convert a repository of the format rozen to a snapshot catalog
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { convert, ObjectStore, rozen, snapshotCatalog } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const outcomes = Effect.gen(function* () {
 *   const create = rozen.create({ password: Redacted.make("correct horse battery staple") })
 *   const from = yield* Effect.provideService(create, ObjectStore, yield* memoryStore.make())
 *   const to = yield* Effect.provideService(snapshotCatalog.create({}), ObjectStore, yield* memoryStore.make())
 *   yield* from.backup(Stream.succeed(file), { paths: ["/home/me"] })
 *   return yield* Stream.runCollect(convert(from, to))
 * })
 *
 * const program = outcomes.pipe(Effect.scoped, Effect.provide(accelerators))
 * assert.deepEqual((await Effect.runPromise(program)).map(({ outcome }) => outcome), ["converted"])
 * ```
 */
export const convert = (
  from: Repository,
  to: Repository,
  options: ConvertOptions = {},
): Stream.Stream<Converted, FormatError> =>
  Stream.unwrap(Effect.gen(function* () {
    const all = yield* from.snapshots
    const there = counterparts(all, yield* to.snapshots)
    return eachMissing(options.snapshots ?? all, there, (source) => convertOne(from, to, source, options))
  }))

/** Makes the snapshots that the target does not have. `there` are those that it has, by their IDs in the source. */
export const eachMissing = <Done extends string>(
  wanted: ReadonlyArray<SnapshotInfo>,
  there: ReadonlyMap<string, SnapshotInfo>,
  make: (source: SnapshotInfo) => Effect.Effect<Made<Done>, FormatError>,
): Stream.Stream<Made<Done>, FormatError> =>
  Stream.mapEffect(Stream.fromIterable(wanted), (source): Effect.Effect<Made<Done>, FormatError> => {
    const target = there.get(source.id)
    return target === undefined ? make(source) : Effect.succeed({ outcome: "there", source, target })
  })

/**
 * Makes one snapshot by reading and writing it. Files that are known to be those of `parent`, a snapshot of the target,
 * are not read.
 */
export const convertOne: (
  from: Repository,
  to: Repository,
  source: SnapshotInfo,
  options: ConvertOptions & { readonly parent?: SnapshotInfo },
) => Effect.Effect<Converted, FormatError> = Effect.fnUntraced(function* (from, to, source, { parent, progress }) {
  const lost: Array<Problem> = []
  const entries = Stream.mapError(
    from.entries(source, { lazy: parent !== undefined, problem: (problem) => lost.push(problem) }),
    readFailure,
  )
  const result = yield* to.backup(entries, {
    hostname: source.hostname,
    username: source.username,
    paths: source.paths,
    tags: source.tags,
    ...(source.machine === undefined ? {} : { machine: source.machine }),
    ...(source.name === undefined ? {} : { name: source.name }),
    ...(isTimeless(source) ? {} : { time: source.time }),
    parent: parent?.id ?? "none",
    compare: "content",
    ...(progress === undefined ? {} : { progress: (now: Progress) => progress(source, now) }),
  }).pipe(
    // Damage to one snapshot of the source does not concern the others.
    Effect.catchIf(
      (error) => error._tag === "ReadFailure",
      ({ error }) => isDamage(error) ? Effect.succeed(error) : Effect.fail(error),
    ),
  )
  if ("_tag" in result) return { outcome: "lost", source, error: result }
  const summary = { ...result, problems: [...lost, ...result.problems] }
  return { outcome: "converted", source, target: summary.snapshot!, summary }
})
