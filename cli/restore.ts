/** `penstock restore`: writes the files of a snapshot to a directory. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { sep } from "node:path"
import type { TargetError } from "../stages/walk/errors.ts"
import type { FormatError } from "../formats/error.ts"
import type { Problem, Repository, SnapshotInfo } from "../formats/repository.ts"
import type { Entry } from "../stages/walk/entry.ts"
import { displayPath, quotePath } from "../stages/walk/path.ts"
import { Target, type Written } from "../stages/walk/target.ts"
import { write, type WriteObserver } from "../stages/walk/write.ts"
import { UsageError } from "./process/usage_error.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { makeOutput, type Output } from "./output/output.ts"
import { meter } from "./output/progress.ts"
import { plural, secondsSince, showBytes, showCount, showDuration } from "./output/quantity.ts"
import { admitFilter } from "./repository/admit.ts"
import { pathsOf, pathWithin } from "./repository/location.ts"
import { withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { type Selection, selection, selector } from "./selection/selection.ts"
import { describeSnapshot, filterOf, listSnapshots, pickSnapshot } from "./selection/snapshots.ts"
import { makeTraffic, printTraffic, type Traffic, trafficMembers } from "./output/traffic.ts"

export interface RestoreInput extends CommonInput, FilterInput {
  readonly paths: ReadonlyArray<string>
  readonly snapshot: string
  readonly target: string
  readonly include: ReadonlyArray<string>
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
    return yield* withRepository(
      input,
      "open",
      { traffic, admit: admitFilter(input) },
      (repository, { location }) =>
        Effect.gen(function* () {
          const snapshot = yield* pickSnapshot(yield* listSnapshots(repository), input.snapshot, filter, out)
          const part = yield* selection(input.paths, input.include, snapshot)
          const select = selector(part)
          yield* spareRepository(input, location, repository, snapshot, part)
          const tally = newTally()
          const show = meter(out)
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
              count(tally, entries)
              tallyWritten(tally, results, out)
              for (const [i, { outcome }] of results.entries()) tellOutcome(entries[i]!, outcome, input, out)
            },
            finished: (results) => {
              for (const result of results) {
                if (result.outcome === "failed") fail(tally, result, out)
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
            const whats = unmatched.map(({ what }) => ` ${what}`).join(" or")
            return Effect.fail(
              new UsageError({
                message: `Nothing in snapshot ${
                  describeSnapshot(snapshot)
                } matches${whats}; penstock ls shows what is in it`,
              }),
            )
          })
          const entries = repository.entries(snapshot, {
            ...(part.partial ? { include: part.reaches } : {}),
            // A dry run reads only the content of files that it has to compare.
            ...(input.dryRun ? { lazy: true } : {}),
            problem: (problem) => fail(tally, problem, out),
          })
          yield* Stream.flattenIterable(Stream.mapArray(entries, (all) => [select(all)])).pipe(
            Stream.concat(Stream.fromEffectDrain(refuseNothing)),
            write(input.target, {
              devices: input.devices,
              ...(input.noOwner ? { owner: false } : {}),
              observer,
            }),
            Effect.provideService(Target, yield* targetOf(input)),
            Effect.ensuring(Effect.sync(() => out.status(""))),
          )
          const unmatched = part.unmatched()
          for (const { what } of unmatched) out.warn(`Nothing in the snapshot matches ${what}`)
          report(tally, snapshot, input, secondsSince(start), traffic, out)
          return tally.failed > 0 ? EXIT_FAILURE : unmatched.length > 0 ? EXIT_INCOMPLETE : EXIT_OK
        }).pipe(
          Effect.mapError((error) =>
            error._tag === "TargetError" && error.reason === "full" ? full(input, error) : error
          ),
        ),
    )
  },
)

/**
 * Fails if the restore could overwrite the repository: the target lies in it, or the snapshot has an entry whose place
 * is in it.
 */
const spareRepository: (
  input: RestoreInput,
  location: string,
  repository: Repository,
  snapshot: SnapshotInfo,
  part: Selection,
) => Effect.Effect<void, FormatError | UsageError> = Effect.fnUntraced(
  function* ({ target }, location, repository, snapshot, part) {
    const stores = pathsOf(location)
    const lies = stores.map((store) => pathWithin(target, store)).find((inside) => inside !== undefined)
    if (lies !== undefined) {
      return yield* new UsageError({
        message: `${target} is ${lies === "" ? "" : "within "}the repository at ${location}; give another --target`,
      })
    }
    for (const store of stores) {
      const path = pathWithin(store, target)?.split(sep).join("/")
      if (path === undefined) continue
      const there = yield* selection([quotePath(path)], [], snapshot)
      const entries = repository.entries(snapshot, { include: there.reaches, content: false })
      // The directory itself may be in the snapshot, as it was before the repository was made.
      const found = yield* Stream.runHead(
        Stream.filter(
          entries,
          ({ kind, path: at }) =>
            (at !== path || kind !== "directory") && there.wanted(at, kind) && part.wanted(at, kind),
        ),
      )
      if (Option.isSome(found)) {
        return yield* new UsageError({
          message: `${
            displayPath(found.value.path)
          } would be restored into the repository at ${location}; give another --target`,
        })
      }
    }
  },
)

const full = ({ target }: RestoreInput, { message, path }: TargetError): UsageError =>
  new UsageError({
    message: `Cannot write ${displayPath(path === "" ? "." : path)} in ${target}: ${message}; make room and run again`,
  })

/** The local file system; or, for a dry run, something that only compares with it. */
const targetOf = Effect.fnUntraced(function* ({ dryRun }: RestoreInput) {
  const { localTarget } = yield* Effect.promise(() => import("../adapters/files/target/target.ts"))
  const target: Target = localTarget.make()
  if (!dryRun) return target
  const { compareOnly } = yield* Effect.promise(() => import("../adapters/files/target/compare.ts"))
  return { ...target, open: compareOnly } satisfies Target
})

interface Tally {
  entries: number
  files: number
  directories: number
  bytes: number
  written: number
  unchanged: number
  /** Restored or unchanged, except for something that the target cannot hold. */
  lost: number
  skipped: number
  failed: number
}

const newTally = (): Tally => ({
  entries: 0,
  files: 0,
  directories: 0,
  bytes: 0,
  written: 0,
  unchanged: 0,
  lost: 0,
  skipped: 0,
  failed: 0,
})

const count = (tally: Tally, entries: ReadonlyArray<Entry>): void => {
  for (const { kind, size } of entries) {
    tally.entries += 1
    if (kind === "file") tally.files += 1
    else if (kind === "directory") tally.directories += 1
    tally.bytes += size ?? 0
  }
}

const fail = (tally: Tally, { path, message }: Problem, out: Output): void => {
  tally.failed += 1
  out.warn(`Cannot restore ${displayPath(path === "" ? "." : path)}: ${message}`)
  out.row({ type: "problem", path, message })
}

/** Names what a dry run would write. With `--verbose`, also names what was written and what was unchanged. */
const tellOutcome = (
  { kind, path }: Entry,
  outcome: Written["outcome"],
  { dryRun }: RestoreInput,
  out: Output,
): void => {
  const name = displayPath(path === "" ? "." : path)
  if (outcome === "unchanged") out.detail(`Unchanged: ${name}`)
  else if (outcome === "written" && dryRun) {
    out.note(name)
    out.row({ type: "entry", path, kind })
  } else if (outcome === "written") out.detail(`Restored: ${name}`)
}

const tellLost = (tally: Tally, result: Written, out: Output): void => {
  if (!("lost" in result)) return
  const { lost, path } = result
  tally.lost += 1
  if (!out.quiet) out.warn(`Not kept whole: ${displayPath(path === "" ? "." : path)}: ${lost}`)
  out.row({ type: "lost", path, message: lost })
}

const tallyWritten = (tally: Tally, results: ReadonlyArray<Written>, out: Output): void => {
  for (const result of results) {
    if (result.outcome === "failed") fail(tally, result, out)
    // The target itself is made before anything is written, so it does not count as unchanged.
    else if (result.path !== "" || result.outcome !== "unchanged") tally[result.outcome] += 1
    tellLost(tally, result, out)
    if (result.outcome === "skipped") {
      if (!out.quiet) out.warn(`Skipped ${displayPath(result.path)}: ${result.message}`)
      out.row({ type: "skipped", path: result.path, message: result.message })
    }
  }
}

const report = (
  tally: Tally,
  snapshot: SnapshotInfo,
  input: RestoreInput,
  seconds: number,
  traffic: Traffic,
  out: Output,
): void => {
  const { files, directories, bytes, written, unchanged, lost, skipped, failed } = tally
  out.row({
    type: "summary",
    files,
    dirs: directories,
    bytes,
    written,
    unchanged,
    lost,
    skipped,
    failed,
    seconds,
    snapshot: snapshot.id,
    ...(input.dryRun ? { dryRun: true } : { target: input.target }),
    ...trafficMembers(traffic),
  })
  out.note(
    `${plural(files, "file")} and ${plural(directories, "directory", "directories")}, ${showBytes(bytes)}, ` +
      (input.dryRun
        ? `compared with ${input.target}; ${showCount(written)} would be restored`
        : `restored to ${input.target} in ${showDuration(seconds)}`) +
      (unchanged > 0 ? `; ${showCount(unchanged)} unchanged` : "") +
      (lost > 0 ? `; ${showCount(lost)} not kept whole by the file system` : "") +
      (skipped > 0 ? `; ${showCount(skipped)} skipped` : ""),
  )
  printTraffic(traffic, out)
  if (failed > 0) out.line(`${showCount(failed)} could not be restored: see the messages above`)
}
