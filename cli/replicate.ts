/** Makes snapshots of one repository in another: what `convert` and `copy` have in common. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { counting, type CountingStore } from "../adapters/store/counting/counting.ts"
import type { ConvertOptions, Made } from "../formats/convert.ts"
import type { FormatError } from "../formats/error.ts"
import type { Repository, SnapshotInfo } from "../formats/repository.ts"
import type { SqliteEngine } from "../stages/catalog/sqlite/sqlite.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { makeOutput, type Output } from "./output/output.ts"
import { printLosses, printProblems } from "./output/problems.ts"
import { makeMeter } from "./output/progress.ts"
import { notZero } from "./output/row.ts"
import { plural, secondsSince, showBytes, showDuration } from "./output/show.ts"
import { makeTraffic, printTraffic, type Traffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { admitFilter } from "./repository/admit.ts"
import { readFormatOptions, repositoryPart } from "./repository/format_options.ts"
import { localPath, repositoryLocation } from "./repository/location.ts"
import { type OpenRepository, unencryptedWarning, withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { describeSnapshot, describeUnlisted, filterOf, listSnapshots, pickSnapshots } from "./selection/snapshots.ts"

export interface ReplicateInput extends CommonInput, FilterInput {
  readonly to: string
  readonly toOption: ReadonlyArray<string>
  readonly snapshot: ReadonlyArray<string>
  readonly dryRun: boolean
}

/** What {@link ReplicationMethod.openTarget} needs beside the source. */
export interface TargetContext {
  readonly wanted: ReadonlyArray<SnapshotInfo>
  readonly out: Output
  readonly traffic: Traffic
}

/** How snapshots get into the target. */
export interface ReplicationMethod {
  /** What happens to a snapshot, as a participle. It is also the type of its row. */
  readonly done: "converted" | "copied"
  /** Opens the target. Undefined in a dry run that would make it. */
  readonly openTarget: (
    source: OpenRepository,
    context: TargetContext,
  ) => Effect.Effect<OpenRepository | undefined, OpenError, SqliteEngine | Scope.Scope>
  /** Loads the functions that do it. */
  readonly load: () => Promise<Replicator>
}

/** Makes snapshots in the target. */
export interface Replicator {
  readonly make: (
    from: Repository,
    to: Repository,
    options: ConvertOptions,
  ) => Stream.Stream<Made<"converted" | "copied">, FormatError>
  /** The snapshots that the target has already, by their ID in the source. */
  readonly present: (
    from: Repository,
    to: Repository,
    sources: ReadonlyArray<SnapshotInfo>,
    targets: ReadonlyArray<SnapshotInfo>,
  ) => ReadonlyMap<string, SnapshotInfo>
}

/**
 * Makes the snapshots. Returns the exit code: 3 if something of a snapshot is not in the target, 1 if a snapshot could
 * not be made.
 */
export const replicate: (
  input: ReplicateInput,
  method: ReplicationMethod,
) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input, method) {
  const { done } = method
  const out = makeOutput(input)
  const traffic = makeTraffic()
  const start = performance.now()
  const filter = yield* filterOf(input)
  yield* refuseItself(input, done)
  let counted: CountingStore | undefined
  const through = (store: Parameters<typeof counting>[0]) => counted = counting(store)
  return yield* withRepository(
    input,
    "open",
    { traffic, through, admit: admitFilter(input) },
    (from, source) =>
      Effect.gen(function* () {
        const listing = yield* listSnapshots(from)
        const { unknown, wanted } = yield* pickSnapshots(input.snapshot, listing, filter, out)
        // Snapshots that were named can be listed.
        const unlisted = input.snapshot.length === 0 ? listing.unlisted : 0
        const target = yield* method.openTarget(source, { wanted, out, traffic })
        if (target?.encrypted === false) out.warn(unencryptedWarning(target))
        const replicator = yield* Effect.promise(method.load)
        const tally: Tally = { done: 0, there: 0, lost: 0, problems: 0, bytes: 0, bytesAdded: 0, bytesStored: 0 }
        if (target === undefined || input.dryRun) {
          const present = target === undefined
            ? new Map<string, SnapshotInfo>()
            : replicator.present(from, target.repository, listing.snapshots, yield* target.repository.snapshots)
          announce(wanted, present, tally, done, out)
        } else {
          const show = makeMeter(out)
          const progress = (snapshot: SnapshotInfo, now: { readonly bytes: number; readonly path: string }): void =>
            show(() => ({
              done: now.bytes,
              total: snapshot.bytes,
              left: `Snapshot ${tally.done + tally.there + tally.lost + 1} of ${wanted.length}`,
              path: now.path,
            }))
          yield* Stream.runForEach(
            replicator.make(from, target.repository, { snapshots: wanted, ...(out.live ? { progress } : {}) }),
            (one) => Effect.sync(() => tellMade(one, tally, done, out)),
          ).pipe(Effect.ensuring(Effect.sync(() => out.status(""))))
        }
        const { done: made, there: skipped, lost, problems, bytes, bytesAdded, bytesStored } = tally
        const bytesRead = counted?.counts().bytesRead ?? 0
        const seconds = secondsSince(start)
        out.row({
          type: "summary",
          [done]: made,
          ...notZero({ unknown, unlisted }),
          ...{ skipped, lost, problems, bytes, bytesAdded, bytesRead, bytesStored, seconds },
          ...(target === undefined ? {} : { encrypted: target.encrypted }),
          ...(input.dryRun ? { dryRun: true } : { target: input.to }),
          ...trafficMembers(traffic),
        })
        const amounts = `; ${showBytes(bytes)}, ${showBytes(bytesRead)} read, ${showBytes(bytesStored)} stored in ` +
          showDuration(seconds)
        out.note(
          `${plural(made, "snapshot")} ${input.dryRun ? "would be " : ""}${done}` +
            (skipped > 0 ? `, ${skipped} there already` : "") + (input.dryRun ? "" : amounts),
        )
        printTraffic(traffic, out)
        if (problems > 0) out.line(`${plural(problems, "problem")}: see the messages above`)
        if (unlisted > 0) out.warn(describeUnlisted(unlisted))
        return lost + unlisted > 0 ? EXIT_FAILURE : problems + unknown > 0 ? EXIT_INCOMPLETE : EXIT_OK
      }),
  )
})

/** Fails if source and target are the same. A location may hold several repositories, which options tell apart. */
const refuseItself = Effect.fnUntraced(function* (input: ReplicateInput, done: string) {
  const location = yield* repositoryLocation(input.repo)
  const part = yield* repositoryPart(yield* readFormatOptions("--option", input.option))
  const toPart = yield* repositoryPart(yield* readFormatOptions("--to-option", input.toOption))
  if (part === toPart && (location === input.to || (localPath(location) ?? "") === localPath(input.to))) {
    return yield* new UsageError({
      message: `${location} cannot be ${done} into itself: name another repository with --to`,
    })
  }
})

interface Tally {
  /** Snapshots that were made. */
  done: number
  /** Snapshots that the target had already. */
  there: number
  /** Snapshots that could not be made. */
  lost: number
  problems: number
  bytes: number
  bytesAdded: number
  bytesStored: number
}

/** Names the snapshots that would be made. */
const announce = (
  wanted: ReadonlyArray<SnapshotInfo>,
  present: ReadonlyMap<string, SnapshotInfo>,
  tally: Tally,
  done: ReplicationMethod["done"],
  out: Output,
): void => {
  for (const snapshot of wanted) {
    if (present.has(snapshot.id)) {
      tally.there += 1
      continue
    }
    tally.done += 1
    out.line(`Snapshot ${describeSnapshot(snapshot)} would be ${done}`)
    out.row({ type: done, source: snapshot.id })
  }
}

/** Says what became of one snapshot, and counts it. */
const tellMade = (
  one: Made<"converted" | "copied">,
  tally: Tally,
  done: ReplicationMethod["done"],
  out: Output,
): void => {
  tally[one.outcome === "lost" || one.outcome === "there" ? one.outcome : "done"] += 1
  const of = { source: one.source.id }
  if (one.outcome === "lost") {
    tally.problems += 1
    out.warn(`Snapshot ${describeSnapshot(one.source)} cannot be ${done}: ${one.error.message}`)
    return out.row({ type: "problem", message: one.error.message, ...of })
  }
  if (one.outcome === "there") {
    const present = `Snapshot ${describeSnapshot(one.source)} is there already, as ${describeSnapshot(one.target)}`
    const missing = missingFiles(one.source, one.target)
    if (missing > 0) {
      tally.problems += 1
      out.warn(`${present}, without ${plural(missing, "file")} that the source has lost`)
    } else out.note(present)
    return out.row({ type: "skipped", ...of, snapshot: one.target.id, ...(missing > 0 ? { missing } : {}) })
  }
  const { bytes, bytesAdded, bytesStored, directories, files, losses = [], problems } = one.summary
  printProblems(problems, out, of)
  printLosses(losses, out, of)
  tally.problems += problems.length
  tally.bytes += bytes
  tally.bytesAdded += bytesAdded
  tally.bytesStored += bytesStored
  out.note(
    `Snapshot ${describeSnapshot(one.source)} ${done}, as ${describeSnapshot(one.target)}: ${plural(files, "file")}, ${
      showBytes(bytes)
    }`,
  )
  out.row({
    type: done,
    ...of,
    snapshot: one.target.id,
    files,
    dirs: directories,
    bytes,
    bytesAdded,
    bytesStored,
    problems: problems.length,
  })
}

/** How many files a copy lacks. Zero if the snapshot does not say that it is one: then nothing is certain. */
const missingFiles = (source: SnapshotInfo, { files, original }: SnapshotInfo): number =>
  original === undefined ? 0 : Math.max(0, (source.files ?? 0) - (files ?? 0))
