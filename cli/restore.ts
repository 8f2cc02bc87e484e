/** `penstock restore`: writes the files of a snapshot to a directory. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TargetError } from "../stages/walk/errors.ts"
import type { Overwrite } from "../stages/walk/overwrite.ts"
import { Target, type TargetOptions } from "../stages/walk/target.ts"
import { write, type WriteObserver } from "../stages/walk/write.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { makeMeter } from "./output/progress.ts"
import {
  countEntries,
  newTally,
  reportRestore,
  tellFailed,
  tellLost,
  tellOutcome,
  tellWritten,
} from "./output/restored.ts"
import { plural, secondsSince, showPath } from "./output/show.ts"
import { makeTraffic } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { admitFilter } from "./repository/admit.ts"
import { withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { spareRepository } from "./repository/spare.ts"
import { patternsIn } from "./selection/pattern_file.ts"
import { type Globs, makeSelection, makeSelector } from "./selection/selection.ts"
import { describeSnapshot, filterOf, listSnapshots, pickSnapshot } from "./selection/snapshots.ts"

export interface RestoreInput extends CommonInput, FilterInput {
  readonly paths: ReadonlyArray<string>
  readonly snapshot: string
  readonly target: string
  readonly include: ReadonlyArray<string>
  readonly iinclude: ReadonlyArray<string>
  readonly exclude: ReadonlyArray<string>
  readonly iexclude: ReadonlyArray<string>
  /** Files of patterns. */
  readonly excludeFile: ReadonlyArray<string>
  readonly overwrite: Overwrite
  readonly dryRun: boolean
  readonly devices: boolean
  readonly noOwner: boolean
}

/**
 * Runs `restore`. Returns the exit code: 1 if anything could not be written, 3 if a path or pattern matched nothing.
 */
export const restore: (input: RestoreInput) => Effect.Effect<number, OpenError | TargetError> = Effect.fnUntraced(
  function* (input) {
    const out = makeOutput(input)
    const traffic = makeTraffic()
    const start = performance.now()
    const filter = yield* filterOf(input)
    const globs = yield* globsOf(input)
    return yield* withRepository(
      input,
      "open",
      { traffic, admit: admitFilter(input) },
      (repository, { location }) =>
        Effect.gen(function* () {
          const snapshot = yield* pickSnapshot(yield* listSnapshots(repository), input.snapshot, filter, out)
          const part = yield* makeSelection(input.paths, globs, snapshot)
          const select = makeSelector(part)
          yield* spareRepository(input.target, location, repository, snapshot, part)
          const tally = newTally()
          const show = makeMeter(out)
          let flowing = 0
          const progress = (path: string): void =>
            show(() => ({
              done: tally.bytes + flowing,
              total: part.partial ? undefined : snapshot.bytes,
              left: plural(tally.files, "file"),
              path,
            }))
          const observer: WriteObserver = {
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
              tellWritten(tally, results, out)
              for (const [i, { outcome }] of results.entries()) tellOutcome(entries[i]!, outcome, input.dryRun, out)
            },
            finished: (results) => {
              for (const result of results) {
                if (result.outcome === "failed") tellFailed(tally, result, out)
                else tellLost(tally, result, out)
              }
            },
          }
          /** Fails if nothing was restored because nothing matched: then the target is not made. */
          const refuseNothing = Effect.suspend((): Effect.Effect<void, UsageError> => {
            out.status("")
            const unmatched = part.unmatched()
            for (const { given } of unmatched) out.row({ type: "unmatched", pattern: given })
            if (!part.partial || tally.entries > 0) return Effect.void
            const what = unmatched.length === 0
              ? "is left by --exclude"
              : `matches${unmatched.map(({ what }) => ` ${what}`).join(" or")}`
            return Effect.fail(
              new UsageError({
                message: `Nothing in snapshot ${describeSnapshot(snapshot)} ${what}; penstock ls shows what is in it`,
              }),
            )
          })
          const target = yield* targetOf(input)
          const options: TargetOptions = {
            devices: input.devices,
            overwrite: input.overwrite,
            ...(input.noOwner ? { owner: false } : {}),
          }
          // Only contents that are needed are fetched. A dry run needs those of files that it has to compare.
          const lazy = input.dryRun || (yield* target.spares!(input.target, options))
          const entries = repository.entries(snapshot, {
            ...(part.partial ? { include: part.reaches } : {}),
            lazy,
            problem: (problem) => tellFailed(tally, problem, out),
          })
          yield* Stream.flattenIterable(Stream.mapArray(entries, (all) => [select(all)])).pipe(
            Stream.concat(Stream.fromEffectDrain(refuseNothing)),
            write(input.target, { ...options, observer }),
            Effect.provideService(Target, target),
            Effect.ensuring(Effect.sync(() => out.status(""))),
          )
          const unmatched = part.unmatched()
          for (const { what } of unmatched) out.warn(`Nothing in the snapshot matches ${what}`)
          reportRestore(tally, snapshot.id, input, secondsSince(start), traffic, out)
          return tally.failed > 0 ? EXIT_FAILURE : unmatched.length > 0 ? EXIT_INCOMPLETE : EXIT_OK
        }).pipe(
          Effect.scoped,
          Effect.mapError((error) =>
            error._tag === "TargetError" && error.reason === "full" ? noRoom(input, error) : error
          ),
        ),
    )
  },
)

/** The patterns of the options. */
const globsOf: (input: RestoreInput) => Effect.Effect<Globs, UsageError> = Effect.fnUntraced(function* (input) {
  const { iexclude, iinclude, include } = input
  const exclude = [...input.exclude, ...(yield* Effect.forEach(input.excludeFile, patternsIn)).flat()]
  if (include.length + iinclude.length > 0 && exclude.length + iexclude.length > 0) {
    return yield* new UsageError({
      message: "--include and --exclude cannot be combined: say what to restore, or what to leave out",
    })
  }
  return { include, iinclude, exclude, iexclude }
})

/** The target has no room left. */
const noRoom = ({ target }: RestoreInput, { message, path }: TargetError): UsageError =>
  new UsageError({
    message: `Cannot write ${showPath(path)} in ${target}: ${message}: make room and run again`,
  })

/** The local file system. For a dry run, a target that only compares with it. */
const targetOf = Effect.fnUntraced(function* ({ dryRun }: RestoreInput) {
  const { localTarget } = yield* Effect.promise(() => import("../adapters/files/target/target.ts"))
  const target: Target = localTarget.make()
  if (!dryRun) return target
  const { compareOnly } = yield* Effect.promise(() => import("../adapters/files/target/compare.ts"))
  return { ...target, open: compareOnly } satisfies Target
})
