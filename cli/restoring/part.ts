/** Restores one part of a snapshot into its directory. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { FormatError } from "../../formats/error.ts"
import type { Repository, SnapshotInfo } from "../../formats/repository.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import type { TargetError } from "../../stages/walk/errors.ts"
import { Target, type TargetOptions, type Written } from "../../stages/walk/target.ts"
import { write, type WriteObserver } from "../../stages/walk/write.ts"
import type { Output } from "../output/output.ts"
import { makeMeter } from "../output/progress.ts"
import { countEntries, type RestoreTally, tellFailed, tellLost, tellOutcome, tellWritten } from "../output/restored.ts"
import { plural, showPath } from "../output/show.ts"
import { UsageError } from "../process/usage_error.ts"
import { makeSelector, type Selection } from "../selection/selection.ts"
import type { TargetPart } from "./parts.ts"

/** What the parts of a restore have in common. */
export interface Restoring {
  readonly repository: Repository
  readonly snapshot: SnapshotInfo
  readonly selection: Selection
  readonly target: Target
  readonly options: TargetOptions
  readonly dryRun: boolean
  readonly tally: RestoreTally
  readonly out: Output
}

/** Restores what is selected of a part. If nothing is, the directory is not made. */
export const restorePart: (
  restoring: Restoring,
  part: TargetPart,
) => Effect.Effect<void, FormatError | TargetError | UsageError> = Effect.fnUntraced(function* (restoring, part) {
  const { dryRun, options, out, repository, selection, snapshot, tally, target } = restoring
  const select = makeSelector(selection)
  const before = tally.entries
  // Only contents that are needed are fetched. A dry run needs those of files that it has to compare.
  const spares = dryRun || options.overwrite === "always" ? undefined : yield* target.spares!(part.root, options)
  const spared = (entry: Entry): boolean => {
    const placed = part.place(entry)
    return placed !== undefined && spares!(placed)
  }
  const entries = repository.entries(snapshot, {
    include: (path, kind) => part.reaches(path) && (!selection.partial || selection.reaches(path, kind)),
    lazy: spares === undefined ? dryRun : spared,
    problem: (problem) => {
      tally.unlisted += 1
      tellFailed(tally, problem, out)
    },
  })
  const nothing = Effect.suspend(() => {
    out.status("")
    return selection.partial && tally.entries === before ? Effect.fail(NOTHING) : Effect.void
  })
  yield* Stream.flattenIterable(
    Stream.mapArray(entries, (all) => [select(all).flatMap((entry) => part.place(entry) ?? [])]),
  ).pipe(
    Stream.concat(Stream.fromEffectDrain(nothing)),
    write(part.root, { ...options, observer: observerOf(restoring, part) }),
    Effect.provideService(Target, target),
    Effect.ensuring(Effect.sync(() => out.status(""))),
    Effect.catchTag("NothingSelected", () => Effect.void),
    Effect.catchTag("TargetError", (error) => Effect.fail(error.reason === "full" ? noRoom(part, error) : error)),
  )
}, Effect.scoped)

/** Nothing of a part is selected. */
const NOTHING = { _tag: "NothingSelected" } as const

/** Counts and tells what happens, by the paths of the snapshot. */
const observerOf = ({ dryRun, out, selection, snapshot, tally }: Restoring, { nameOf }: TargetPart): WriteObserver => {
  const show = makeMeter(out)
  let flowing = 0
  const progress = (path: string): void =>
    show(() => ({
      done: tally.bytes + flowing,
      total: selection.partial ? undefined : snapshot.bytes,
      left: plural(tally.files, "file"),
      path: nameOf(path),
    }))
  const named = (results: ReadonlyArray<Written>): ReadonlyArray<Written> =>
    results.map((result) => ({ ...result, path: nameOf(result.path) }))
  return {
    writing: ([first]) => progress(first!.path),
    ...(out.live
      ? {
        content: ({ path }, bytes) => {
          flowing += bytes
          progress(path)
        },
      }
      : {}),
    written: (entries, results) => {
      flowing = 0
      countEntries(tally, entries)
      const all = named(results)
      tellWritten(tally, all, out)
      for (const [i, { outcome, path }] of all.entries()) tellOutcome({ ...entries[i]!, path }, outcome, dryRun, out)
    },
    finished: (results) => {
      for (const result of named(results)) {
        if (result.outcome === "failed") tellFailed(tally, result, out)
        else tellLost(tally, result, out)
      }
    },
  }
}

/** The target has no room left. */
const noRoom = ({ root }: TargetPart, { message, path }: TargetError): UsageError =>
  new UsageError({ message: `Cannot write ${showPath(path)} in ${root}: ${message}: make room and run again` })
