/** `penstock convert`: makes the snapshots of one repository in another, of whatever format. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Converted } from "../formats/convert.ts"
import type { Format, SnapshotInfo } from "../formats/format.ts"
import { lossesBetween } from "../stages/walk/represent.ts"
import { UsageError } from "./error.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./exit.ts"
import { printLosses, printProblems } from "./incomplete.ts"
import type { CommonInput, DestinationInput, RepositoryOptions } from "./options.ts"
import { makeOutput, type Output } from "./output.ts"
import { targetNames } from "./password.ts"
import { meter } from "./progress.ts"
import { plural, secondsSince, showBytes, showDuration } from "./quantity.ts"
import {
  describeMade,
  formatNamed,
  type Found,
  type OpenError,
  openRepository,
  repositoryLocation,
  withRepository,
} from "./repository.ts"
import { localPath } from "./roots.ts"
import { printTraffic } from "./traffic.ts"
import { describeSnapshot, pickSnapshot } from "./snapshot.ts"

export interface ConvertInput extends CommonInput, DestinationInput {
  readonly snapshot: ReadonlyArray<string>
  /** As without any `snapshot`. */
  readonly all: boolean
  readonly dryRun: boolean
}

/** Runs `convert`; gives the exit code: 3 when something of a snapshot is not in the target, 1 when a snapshot is lost. */
export const convert: (input: ConvertInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const start = performance.now()
  if (input.all && input.snapshot.length > 0) {
    return yield* new UsageError({ message: "Give either --all or --snapshot, not both" })
  }
  const location = yield* repositoryLocation(input.repo)
  if (location === input.to || (localPath(location) ?? "") === localPath(input.to)) {
    return yield* new UsageError({
      message: `${location} cannot be converted into itself; name another repository with --to`,
    })
  }
  return yield* withRepository(input, "open", (from, source) =>
    Effect.gen(function* () {
      const listed = yield* from.snapshots
      const wanted = input.snapshot.length === 0
        ? listed
        : yield* Effect.forEach(new Set(input.snapshot), (name) => pickSnapshot(from, name))
      const holdsAll = ({ source }: Found): Effect.Effect<void, UsageError> =>
        source.file === undefined || wanted.length <= 1 ? Effect.void : Effect.fail(
          new UsageError({
            message:
              `${input.to} holds one snapshot, and there are ${wanted.length}; choose one, as in: --snapshot latest`,
          }),
        )
      // Before it is made, if it is.
      const named = yield* formatNamed(input.toFormat)
      if (input.toFormat !== undefined) yield* holdsAll(named)
      const target = yield* openTarget(input)
      const into = target ?? named
      yield* holdsAll(into)
      if (target?.created === true) out.note(describeMade(target))
      announce(source.format, into.format, out)
      const { convert, counterparts } = yield* Effect.promise(() => import("../formats/convert.ts"))
      const tally = { converted: 0, there: 0, lost: 0, problems: 0, bytes: 0, bytesAdded: 0, bytesStored: 0 }
      if (target === undefined || input.dryRun) {
        const there = target === undefined ? new Map() : counterparts(listed, yield* target.repository.snapshots)
        for (const snapshot of wanted) {
          if (there.has(snapshot.id)) tally.there += 1
          else {
            tally.converted += 1
            out.line(`Snapshot ${describeSnapshot(snapshot)} would be converted`)
            out.row({ type: "converted", source: snapshot.id })
          }
        }
      } else {
        const show = meter(out)
        const progress = (snapshot: SnapshotInfo, now: { readonly bytes: number; readonly path: string }): void =>
          show(() => ({
            done: now.bytes,
            total: snapshot.bytes,
            left: `Snapshot ${tally.converted + tally.there + tally.lost + 1} of ${wanted.length}`,
            path: now.path,
          }))
        yield* Stream.runForEach(
          convert(from, target.repository, { snapshots: wanted, ...(out.live ? { progress } : {}) }),
          (one) => Effect.sync(() => tell(one, tally, out)),
        ).pipe(Effect.ensuring(Effect.sync(() => out.status(""))))
      }
      const { there: skipped, ...counts } = tally
      const seconds = secondsSince(start)
      out.row({
        type: "summary",
        ...counts,
        skipped,
        seconds,
        ...(input.dryRun ? { dryRun: true } : { target: input.to }),
      })
      out.note(
        `${plural(tally.converted, "snapshot")} ${input.dryRun ? "would be " : ""}converted` +
          (skipped > 0 ? `, ${skipped} there already` : "") +
          (input.dryRun
            ? ""
            : `; ${showBytes(tally.bytes)}, ${showBytes(tally.bytesStored)} stored in ${showDuration(seconds)}`),
      )
      printTraffic(out)
      if (tally.problems > 0) out.line(`${plural(tally.problems, "problem")}: see the messages above`)
      return tally.lost > 0 ? EXIT_FAILURE : tally.problems > 0 ? EXIT_INCOMPLETE : EXIT_OK
    }))
})

/** The target, made when it is not there; none in a dry run that would make it. */
const openTarget = Effect.fnUntraced(function* (input: ConvertInput) {
  const options: RepositoryOptions = {
    ...input,
    repo: input.to,
    format: input.toFormat,
    noEncryption: input.toNoEncryption,
    compression: input.compression,
    passwordFile: input.toPasswordFile,
    recipient: input.toRecipient,
    identity: input.toIdentity,
    keyFile: input.toKeyFile,
  }
  if (!input.dryRun) return yield* openRepository(options, "either", targetNames)
  return yield* openRepository(options, "open", targetNames).pipe(
    Effect.catchIf(
      (error) => error._tag === "RepositoryError" && error.reason === "none",
      () => Effect.succeed(undefined),
    ),
  )
})

/** Says what is lost before anything is. */
const announce = (source: Format, target: Format, out: Output): void => {
  const lost = lossesBetween(source.fidelity, target.fidelity)
  if (lost.length > 0) out.note(`What ${target.name} does not keep of what ${source.name} does: ${lost.join(", ")}`)
  out.row({ type: "formats", from: source.name, to: target.name, notKept: lost })
}

interface Tally {
  converted: number
  there: number
  lost: number
  problems: number
  bytes: number
  bytesAdded: number
  bytesStored: number
}

const tell = (one: Converted, tally: Tally, out: Output): void => {
  tally[one.outcome] += 1
  const of = { source: one.source.id }
  if (one.outcome === "lost") {
    tally.problems += 1
    out.warn(`Snapshot ${describeSnapshot(one.source)} cannot be converted: ${one.error.message}`)
    return out.row({ type: "problem", message: one.error.message, ...of })
  }
  if (one.outcome === "there") {
    out.note(`Snapshot ${describeSnapshot(one.source)} is there already, as ${describeSnapshot(one.target)}`)
    return out.row({ type: "skipped", ...of, snapshot: one.target.id })
  }
  const { bytes, bytesAdded, bytesStored, directories, files, losses = [], problems } = one.summary
  printProblems(problems, out, of)
  printLosses(losses, out, of)
  tally.problems += problems.length
  tally.bytes += bytes
  tally.bytesAdded += bytesAdded
  tally.bytesStored += bytesStored
  out.note(
    `Snapshot ${describeSnapshot(one.source)} converted, as ${describeSnapshot(one.target)}: ${
      plural(files, "file")
    }, ${showBytes(bytes)}`,
  )
  out.row({
    type: "converted",
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
