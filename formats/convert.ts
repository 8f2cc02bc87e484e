/**
 * From one repository to another, of whatever formats: entries stream from snapshot to snapshot, without a copy in
 * between.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readFailure } from "./read_failure.ts"
import type { BackupSummary, Problem, Progress, Repository, SnapshotInfo } from "./repository.ts"
import { type FormatError, isDamage } from "./error.ts"

/** What to convert. */
export interface ConvertOptions {
  /** Which snapshots of the source; all, oldest first, when absent. */
  readonly snapshots?: ReadonlyArray<SnapshotInfo>
  /** Called now and then with the snapshot that is under way. */
  readonly progress?: (source: SnapshotInfo, progress: Progress) => void
}

/** What became of one snapshot; `Done` when it was made. */
export type Made<Done extends string> =
  /** The target has it already. */
  | { readonly outcome: "there"; readonly source: SnapshotInfo; readonly target: SnapshotInfo }
  /** `summary.problems` names the files that the source has lost, and what the target cannot hold. */
  | {
    readonly outcome: Done
    readonly source: SnapshotInfo
    readonly target: SnapshotInfo
    readonly summary: BackupSummary
  }
  /** The source cannot list it any more. */
  | { readonly outcome: "lost"; readonly source: SnapshotInfo; readonly error: FormatError }

/** What became of a snapshot that was to be converted. */
export type Converted = Made<"converted">

/**
 * Makes snapshots of one repository in another, with their times, names, paths and tags as far as the target keeps
 * these. A snapshot that is there already is left, so this can be repeated, and goes on where a run that was killed has
 * ended: finished snapshots are left, and of the others only what is not stored yet is written.
 *
 * A snapshot without a time (of an archive that keeps none) gets that of now, and is converted again each time; in a
 * target that holds one snapshot, each takes the place of the one before.
 *
 * Every snapshot is read whole. What files of two snapshots have in common cannot be told by their metadata here,
 * because the target does not know when the source read them.
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

/** Makes the snapshots that are not there. */
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
 * Makes one snapshot by reading and writing it, but for files that are known to be those of `parent`, a snapshot of the
 * target.
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
    ...(timeless(source) ? {} : { time: source.time }),
    parent: parent?.id ?? "none",
    compare: "content",
    ...(progress === undefined ? {} : { progress: (now: Progress) => progress(source, now) }),
  }).pipe(
    // Damage to one snapshot of the source concerns no other.
    Effect.catchIf(
      (error) => error._tag === "ReadFailure",
      ({ error }) => isDamage(error) ? Effect.succeed(error) : Effect.fail(error),
    ),
  )
  if ("_tag" in result) return { outcome: "lost", source, error: result }
  const summary = { ...result, problems: [...lost, ...result.problems] }
  return { outcome: "converted", source, target: summary.snapshot!, summary }
})

/**
 * Which snapshots of another repository are those of this one, by ID: same time, host and paths, as far as the other
 * keeps them; where that fits several, the numbers of files and bytes decide. No snapshot stands for two, and where it
 * is not certain, for none.
 */
export const counterparts = (
  sources: ReadonlyArray<SnapshotInfo>,
  targets: ReadonlyArray<SnapshotInfo>,
): ReadonlyMap<string, SnapshotInfo> => {
  const found = new Map<string, SnapshotInfo>()
  for (const target of targets) {
    const fitting = sources.filter((source) => sameTime(source, target) && sameDetails(source, target))
    const source = fitting.length === 1 ? fitting[0] : fitting
      .filter(({ bytes, files, id }) => !found.has(id) && files === target.files && bytes === target.bytes)
      .sort((a, b) => Number(b.time === target.time) - Number(a.time === target.time))[0]
    if (source !== undefined && !found.has(source.id)) found.set(source.id, target)
  }
  return found
}

/** Some formats keep whole seconds. Where none is kept, nothing tells whether two are the same. */
const sameTime = (source: SnapshotInfo, target: SnapshotInfo): boolean =>
  !timeless(source) && !timeless(target) &&
  (source.time === target.time || Math.floor(source.time / 1000) * 1000 === target.time)

/** Whether the time is not known. */
const timeless = ({ time }: SnapshotInfo): boolean => time === 0

/** What a target does not keep is empty there. */
const sameDetails = (source: SnapshotInfo, target: SnapshotInfo): boolean =>
  (target.hostname === "" || target.hostname === source.hostname) &&
  (target.paths.length === 0 ||
    (target.paths.length === source.paths.length && target.paths.every((path, i) => path === source.paths[i])))
