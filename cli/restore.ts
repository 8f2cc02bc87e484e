/** `penstock restore`: writes the files of a snapshot to a directory. */
import * as Effect from "effect/Effect"
import { cacheDirectory } from "../adapters/store/cache/directory.ts"
import type { SnapshotInfo } from "../formats/repository.ts"
import type { TargetError } from "../stages/walk/errors.ts"
import type { Overwrite } from "../stages/walk/overwrite.ts"
import type { Target } from "../stages/walk/target.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { newTally, reportRestore } from "./output/restored.ts"
import { secondsSince } from "./output/show.ts"
import { makeTraffic } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { admitFilter } from "./repository/admit.ts"
import { pathsOf } from "./repository/location.ts"
import { withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { spareRepository } from "./repository/spare.ts"
import { admitDeletion, deleteInPart } from "./restoring/deletion.ts"
import { restorePart, type Restoring } from "./restoring/part.ts"
import { targetParts } from "./restoring/parts.ts"
import { patternsIn } from "./selection/pattern_file.ts"
import { type Globs, makeSelection, type Selection } from "./selection/selection.ts"
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
  readonly delete: boolean
  readonly verify: boolean
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
    if (input.dryRun && input.verify) {
      return yield* new UsageError({
        message: "--dry-run writes nothing that --verify could read back: give one of them",
      })
    }
    return yield* withRepository(
      input,
      "open",
      { traffic, admit: admitFilter(input) },
      (repository, { location }) =>
        Effect.gen(function* () {
          const snapshot = yield* pickSnapshot(yield* listSnapshots(repository), input.snapshot, filter, out)
          const selection = yield* makeSelection(input.paths, globs, snapshot)
          if (input.delete) yield* admitDeletion(input.target, selection)
          const parts = yield* targetParts(input.target, repository, snapshot)
          for (const part of parts) yield* spareRepository(part, location, repository, snapshot, selection)
          const tally = newTally()
          const restoring: Restoring = {
            repository,
            snapshot,
            selection,
            target: yield* targetOf(input),
            options: {
              devices: input.devices,
              overwrite: input.overwrite,
              verify: input.verify,
              ...(input.noOwner ? { owner: false } : {}),
            },
            dryRun: input.dryRun,
            tally,
            out,
          }
          for (const part of parts) yield* restorePart(restoring, part)
          const unmatched = selection.unmatched()
          for (const { given } of unmatched) out.row({ type: "unmatched", pattern: given })
          if (selection.partial && tally.entries === 0) return yield* nothingOf(snapshot, selection)
          if (input.delete) {
            const spare = [...pathsOf(location), input.cacheDir ?? cacheDirectory()]
            for (const part of parts) yield* deleteInPart(restoring, part, spare)
          }
          for (const { what } of unmatched) out.warn(`Nothing in the snapshot matches ${what}`)
          reportRestore(tally, snapshot.id, input, secondsSince(start), traffic, out)
          return tally.failed > 0 ? EXIT_FAILURE : unmatched.length > 0 ? EXIT_INCOMPLETE : EXIT_OK
        }),
    )
  },
)

/** Nothing was restored, because nothing matched. The target was not made. */
const nothingOf = (snapshot: SnapshotInfo, selection: Selection): UsageError => {
  const unmatched = selection.unmatched()
  const what = unmatched.length === 0
    ? "is left by --exclude"
    : `matches${unmatched.map(({ what }) => ` ${what}`).join(" or")}`
  return new UsageError({
    message: `Nothing in snapshot ${describeSnapshot(snapshot)} ${what}; penstock ls shows what is in it`,
  })
}

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

/** The local file system. For a dry run, a target that only compares with it. */
const targetOf = Effect.fnUntraced(function* ({ dryRun }: RestoreInput) {
  const { localTarget } = yield* Effect.promise(() => import("../adapters/files/target/target.ts"))
  const target: Target = localTarget.make()
  if (!dryRun) return target
  const { compareOnly } = yield* Effect.promise(() => import("../adapters/files/target/compare.ts"))
  return { ...target, open: compareOnly } satisfies Target
})
