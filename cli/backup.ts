/** `penstock backup`: makes a snapshot. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { hostname as machineName, userInfo } from "node:os"
import { resolve } from "node:path"
import type { BackupOptions, BackupSummary, FormatError, Problem, Repository } from "../formats/format.ts"
import type { SqliteEngine, SqliteError } from "../stages/catalog/sqlite.ts"
import type { TarError } from "../stages/tar/mod.ts"
import type { Entry } from "../stages/walk/entry.ts"
import { displayPath } from "../stages/walk/path.ts"
import type { SourceError } from "../stages/walk/source.ts"
import { cacheDirectory } from "../adapters/store/cache_directory.ts"
import { early } from "./early.ts"
import { UsageError } from "./error.ts"
import { EXIT_INCOMPLETE, EXIT_OK } from "./exit.ts"
import type { CompressionMode } from "../stages/compress/mode.ts"
import type { CommonInput, CreationInput } from "./options.ts"
import { printLosses, printProblems } from "./incomplete.ts"
import { makeOutput, type Output } from "./output.ts"
import { backupMeter } from "./progress.ts"
import { plural, secondsSince, showBytes, showDuration } from "./quantity.ts"
import { describeMade, type OpenError, repositoryLocation, withRepository } from "./repository.ts"
import { entriesOf, rootsOf } from "./roots.ts"
import { readText } from "./text_file.ts"
import { describeSnapshot } from "./snapshot.ts"
import { stdinEntries } from "./stdin.ts"
import { printTraffic } from "./traffic.ts"

export interface BackupInput extends CommonInput, CreationInput {
  readonly paths: ReadonlyArray<string>
  /** Makes the repository when there is none. */
  readonly init: boolean
  readonly exclude: ReadonlyArray<string>
  readonly excludeFile: ReadonlyArray<string>
  readonly excludeCaches: boolean
  readonly oneFileSystem: boolean
  readonly stdin: boolean
  readonly stdinFilename: string | undefined
  /** Standard input is a tar archive. */
  readonly tar: boolean
  readonly dryRun: boolean
  readonly tag: ReadonlyArray<string>
  readonly host: string | undefined
  readonly time: string | undefined
  readonly parent: string | undefined
  readonly force: boolean
  readonly compression: CompressionMode | undefined
}

/** Runs `backup`; gives the exit code. */
export const backup: (input: BackupInput) => Effect.Effect<number, OpenError | EntriesError> = Effect.fnUntraced(
  function* (input) {
    const out = makeOutput(input)
    const start = performance.now()
    const what = yield* sourceOf(input, yield* repositoryLocation(input.repo), out)
    const options = yield* optionsOf(input, what.paths)
    const mode = input.init && !input.dryRun ? "either" : "open"
    return yield* withRepository(input, mode, (repository, open) =>
      Effect.gen(function* () {
        if (open.created) out.note(describeMade(open))
        const stored = yield* run(repository, what.entries, options, out)
        const summary = { ...stored, problems: [...what.problems, ...stored.problems] }
        report(summary, input.dryRun, secondsSince(start), out)
        return summary.problems.length > 0 ? EXIT_INCOMPLETE : EXIT_OK
      }), { meanwhile: what.begin, backup: true })
  },
  Effect.scoped,
)

const run = Effect.fnUntraced(function* (
  repository: Repository,
  entries: What["entries"],
  options: BackupOptions,
  out: Output,
): Effect.fn.Return<BackupSummary, FormatError | EntriesError, SqliteEngine> {
  if (!out.live) return yield* repository.backup(entries, options)
  const before = (yield* repository.snapshots).findLast((snapshot) =>
    snapshot.hostname === options.hostname && snapshot.paths.join("\0") === options.paths.join("\0")
  )
  const progress = backupMeter(out, before?.bytes)
  return yield* repository.backup(entries, { ...options, progress }).pipe(
    Effect.ensuring(Effect.sync(() => out.status(""))),
  )
})

/** Entries that are looked for while the repository is being opened: what half a second is enough for, in some MB. */
const EARLY_ENTRIES = 8192

type EntriesError = SourceError | TarError | SqliteError | UsageError

interface What {
  readonly entries: Stream.Stream<Entry, EntriesError, SqliteEngine>
  readonly paths: ReadonlyArray<string>
  /** Begins to look for entries, where that may be before there is a repository. */
  readonly begin?: () => void
  /** What is found to be wrong before entries come. */
  readonly problems: ReadonlyArray<Problem>
}

/** What is to be backed up: a tree, several, or stdin as a file or as a tar archive. */
const sourceOf = Effect.fnUntraced(function* (
  input: BackupInput,
  location: string,
  out: Output,
): Effect.fn.Return<What, UsageError | SourceError, Scope.Scope> {
  if (input.tar || input.stdin || input.stdinFilename !== undefined) {
    const name = input.stdinFilename ?? (input.tar ? "stdin.tar" : "stdin")
    if (input.paths.length > 0 || (input.tar && input.stdin)) {
      return yield* new UsageError({ message: "Give one of --stdin, --tar and paths to back up" })
    }
    const problems: Array<Problem> = []
    const paths = [resolve("/", name)]
    if (!input.tar) return { entries: yield* stdinEntries(name), paths, problems }
    const [{ tarInput }, { readTar }] = yield* Effect.promise(() =>
      Promise.all([import("./tar_input.ts"), import("../stages/tar/mod.ts")])
    )
    return { entries: readTar(yield* tarInput, { problem: (problem) => problems.push(problem) }), paths, problems }
  }
  if (input.paths.length === 0) {
    return yield* new UsageError({
      message: "Nothing to back up: name one or more paths, as in penstock backup -r REPO ~/documents",
    })
  }
  const patterns = [...input.exclude]
  for (const file of input.excludeFile) {
    const text = yield* readText(file, "exclude file")
    patterns.push(...text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#")))
  }
  const { roots, remarks } = yield* rootsOf(input.paths, patterns, location, input.cacheDir ?? cacheDirectory())
  if (!input.quiet) { for (const remark of remarks) out.warn(displayPath(remark)) }
  const { localSource } = yield* Effect.promise(() => import("../adapters/files/source.ts"))
  const { begin, stream } = yield* early(entriesOf(localSource.make(), roots, input), EARLY_ENTRIES)
  return { entries: stream, begin, paths: roots.map((root) => root.path), problems: [] }
})

const optionsOf = (input: BackupInput, paths: ReadonlyArray<string>): Effect.Effect<BackupOptions, UsageError> => {
  const time = input.time === undefined ? undefined : Date.parse(input.time)
  if (Number.isNaN(time)) {
    return Effect.fail(
      new UsageError({ message: `"${input.time}" is not a time; write it as 2026-11-21T08:30:00 or 2026-11-21` }),
    )
  }
  // Times in an archive do not tell when content was written.
  const parent = input.force || (input.tar && input.parent === undefined) ? "none" : input.parent
  return Effect.succeed({
    hostname: input.host ?? machineName(),
    username: userName(),
    paths,
    tags: input.tag,
    dryRun: input.dryRun,
    ...(time === undefined ? {} : { time }),
    ...(parent === undefined ? {} : { parent }),
  })
}

/** Name of the user; the number where the system has no name for it. */
const userName = (): string => {
  try {
    const { uid, username } = userInfo()
    // Bun looks only at the environment, and says "unknown" when that does not tell.
    return username === "unknown" ? String(uid) : username
  } catch {
    return String(process.getuid?.() ?? "")
  }
}

const report = (summary: BackupSummary, dryRun: boolean, seconds: number, out: Output): void => {
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
    seconds,
    ...(snapshot === undefined ? { dryRun } : { snapshot: snapshot.id, parent: snapshot.parent }),
  })
  out.note(
    `${plural(counts.files, "file")} and ${plural(counts.directories, "directory", "directories")}, ` +
      `${showBytes(counts.bytes)}, in ${showDuration(seconds)}; ` +
      `${showBytes(counts.bytesAdded)} new${dryRun ? "" : `, ${showBytes(counts.bytesStored)} stored`}`,
  )
  printTraffic(out)
  if (problems.length > 0) out.line(`${plural(problems.length, "problem")}: see the messages above`)
  if (dryRun) out.note("Nothing was written: this was a dry run")
  else if (snapshot !== undefined) out.note(`Snapshot ${describeSnapshot(snapshot)} saved`)
}
