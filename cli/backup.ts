/** `penstock backup`: makes a snapshot. */
import * as Effect from "effect/Effect"
import { hostname as machineName } from "node:os"
import { userName } from "../adapters/runtime/user_name.ts"
import type { FormatError } from "../formats/error.ts"
import type { BackupOptions, BackupSummary, Repository } from "../formats/repository.ts"
import type { SqliteEngine } from "../stages/catalog/sqlite/sqlite.ts"
import type { CompressionMode } from "../stages/compress/modes.ts"
import type { CommonInput, CreationInput } from "./arguments/inputs.ts"
import { readTime } from "./arguments/time.ts"
import { makeOutput, type Output } from "./output/output.ts"
import { printLosses, printProblems } from "./output/problems.ts"
import { makeBackupMeter } from "./output/progress.ts"
import { plural, secondsSince, showBytes, showDuration } from "./output/show.ts"
import { makeTraffic, printTraffic, type Traffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import type { UsageError } from "./process/usage_error.ts"
import { admitRecord } from "./repository/admit.ts"
import { repositoryLocation } from "./repository/location.ts"
import { describeMade, unencryptedWarning, withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { describeSnapshot, futureWarning, tagsIn } from "./selection/snapshots.ts"
import { type BackupSource, backupSource, type EntriesError, type SourceInput } from "./source/backup_source.ts"

export interface BackupInput extends CommonInput, CreationInput, SourceInput {
  /** Whether to make the repository if it does not exist. */
  readonly init: boolean
  readonly dryRun: boolean
  readonly tag: ReadonlyArray<string>
  readonly host: string | undefined
  readonly time: string | undefined
  readonly parent: string | undefined
  readonly force: boolean
  readonly compression: CompressionMode | undefined
}

/** Runs `backup`. Returns the exit code: 3 if something could not be read. */
export const backup: (input: BackupInput) => Effect.Effect<number, OpenError | EntriesError> = Effect.fnUntraced(
  function* (input) {
    const out = makeOutput(input)
    const traffic = makeTraffic()
    const start = performance.now()
    const source = yield* backupSource(input, yield* repositoryLocation(input.repo), out)
    const options = yield* optionsOf(input, source.paths)
    const mode = input.init && !input.dryRun ? "either" : "open"
    const how = { traffic, meanwhile: source.begin, backup: true, admit: admitRecord(input) }
    return yield* withRepository(input, mode, how, (repository, open) =>
      Effect.gen(function* () {
        if (open.created) out.note(describeMade(open))
        if (!open.encrypted) out.warn(unencryptedWarning(open))
        const stored = yield* Effect.raceFirst(storeEntries(repository, source.entries, options, out), source.failed)
        source.ended()
        const summary = { ...stored, problems: [...source.problems, ...stored.problems] }
        report(summary, open.encrypted, input.dryRun, secondsSince(start), traffic, out)
        return summary.problems.length > 0 ? EXIT_INCOMPLETE : EXIT_OK
      }))
  },
  Effect.scoped,
)

/** Makes the snapshot, and shows progress on a terminal. */
const storeEntries = Effect.fnUntraced(function* (
  repository: Repository,
  entries: BackupSource["entries"],
  options: BackupOptions,
  out: Output,
): Effect.fn.Return<BackupSummary, FormatError | EntriesError, SqliteEngine> {
  if (!out.live) return yield* repository.backup(entries, options)
  const before = (yield* repository.snapshots).findLast((snapshot) =>
    snapshot.hostname === options.hostname && snapshot.paths.join("\0") === options.paths.join("\0")
  )
  const progress = makeBackupMeter(out, before?.bytes)
  return yield* repository.backup(entries, { ...options, progress }).pipe(
    Effect.ensuring(Effect.sync(() => out.status(""))),
  )
})

/** The options for the format. `paths` are recorded. */
const optionsOf: (
  input: BackupInput,
  paths: ReadonlyArray<string>,
) => Effect.Effect<BackupOptions, UsageError> = Effect.fnUntraced(function* (input, paths) {
  const time = yield* readTime(input.time)
  // The times in an archive do not show whether content has changed.
  const parent = input.force || (input.tar && input.parent === undefined) ? "none" : input.parent
  const tags = yield* Effect.forEach(input.tag, tagsIn("--tag"))
  return {
    hostname: input.host ?? machineName(),
    username: userName(),
    paths,
    tags: [...new Set(tags.flat())],
    dryRun: input.dryRun,
    ...(time === undefined ? {} : { time }),
    ...(parent === undefined ? {} : { parent }),
  }
})

/** Prints problems, losses and the summary. */
const report = (
  summary: BackupSummary,
  encrypted: boolean,
  dryRun: boolean,
  seconds: number,
  traffic: Traffic,
  out: Output,
): void => {
  const { snapshot, problems, losses = [], ...counts } = summary
  printProblems(problems, out)
  printLosses(losses, out)
  out.row({
    type: "summary",
    files: counts.files,
    dirs: counts.directories,
    others: counts.others,
    bytes: counts.bytes,
    filesUnchanged: counts.filesUnchanged,
    bytesAdded: counts.bytesAdded,
    bytesStored: counts.bytesStored,
    chunksNew: counts.chunksNew,
    chunksReused: counts.chunksReused,
    problems: problems.length,
    encrypted,
    seconds,
    ...(snapshot === undefined ? { dryRun } : { snapshot: snapshot.id, parent: snapshot.parent }),
    ...trafficMembers(traffic),
  })
  out.note(
    `${plural(counts.files, "file")} and ${plural(counts.directories, "directory", "directories")}, ` +
      `${showBytes(counts.bytes)}, in ${showDuration(seconds)}; ` +
      `${showBytes(counts.bytesAdded)} new${dryRun ? "" : `, ${showBytes(counts.bytesStored)} stored`}`,
  )
  printTraffic(traffic, out)
  if (problems.length > 0) out.line(`${plural(problems.length, "problem")}: see the messages above`)
  if (dryRun) out.note("Nothing was written: this was a dry run")
  else if (snapshot !== undefined) {
    out.note(`Snapshot ${describeSnapshot(snapshot)} saved`)
    const warning = futureWarning(snapshot)
    if (warning !== undefined) out.remark(warning)
  }
}
