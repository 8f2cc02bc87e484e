/** `penstock backup`: makes a snapshot. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { hostname as machineName } from "node:os"
import { join, resolve } from "node:path"
import type { SourceError } from "../stages/walk/errors.ts"
import type { BackupOptions, BackupSummary, Problem, Repository } from "../formats/repository.ts"
import type { FormatError } from "../formats/error.ts"
import type { SqliteEngine, SqliteError } from "../stages/catalog/sqlite/sqlite.ts"
import type { TarError } from "../stages/tar/mod.ts"
import type { Entry } from "../stages/walk/entry.ts"
import { displayPath, displayText } from "../stages/walk/path.ts"
import type { WalkOptions } from "../stages/walk/source.ts"
import { userName } from "../adapters/runtime/user_name.ts"
import { cacheDirectory } from "../adapters/store/cache/directory.ts"
import { early } from "../stages/walk/early.ts"
import { UsageError } from "./process/usage_error.ts"
import { excludesOf } from "./source/excludes.ts"
import { EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import type { CompressionMode } from "../stages/compress/mode.ts"
import type { CommonInput, CreationInput } from "./arguments/inputs.ts"
import { printLosses, printProblems } from "./output/problems.ts"
import { makeOutput, type Output } from "./output/output.ts"
import { backupMeter } from "./output/progress.ts"
import { plural, secondsSince, showBytes, showDuration } from "./output/quantity.ts"
import { repositoryLocation } from "./repository/location.ts"
import { describeMade, describeOpen, withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { admitRecord } from "./repository/admit.ts"
import { entriesOf, rootsOf } from "./source/roots.ts"
import { describeSnapshot, inFuture, tagsIn } from "./selection/snapshots.ts"
import { commandInput, incoming, stdinInput } from "./source/stdin.ts"
import { makeTraffic, printTraffic, type Traffic, trafficMembers } from "./output/traffic.ts"

export interface BackupInput extends CommonInput, CreationInput {
  readonly paths: ReadonlyArray<string>
  /** Whether to make the repository if it does not exist. */
  readonly init: boolean
  readonly exclude: ReadonlyArray<string>
  readonly excludeFile: ReadonlyArray<string>
  readonly excludeCaches: boolean
  readonly oneFileSystem: boolean
  readonly stdin: boolean
  /** The arguments are a command, and its standard output is backed up. */
  readonly stdinFromCommand: boolean
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

/** Runs `backup`. Returns the exit code: 3 if something could not be read. */
export const backup: (input: BackupInput) => Effect.Effect<number, OpenError | EntriesError> = Effect.fnUntraced(
  function* (input) {
    const out = makeOutput(input)
    const traffic = makeTraffic()
    const start = performance.now()
    const what = yield* sourceOf(input, yield* repositoryLocation(input.repo), out)
    const options = yield* optionsOf(input, what.paths)
    const mode = input.init && !input.dryRun ? "either" : "open"
    const how = { traffic, meanwhile: what.begin, backup: true, admit: admitRecord(input) }
    return yield* withRepository(input, mode, how, (repository, open) =>
      Effect.gen(function* () {
        if (open.created) out.note(describeMade(open))
        if (!open.encrypted) out.warn(describeOpen(open))
        const stored = yield* Effect.raceFirst(storeEntries(repository, what.entries, options, out), what.failed)
        what.ended()
        const summary = { ...stored, problems: [...what.problems, ...stored.problems] }
        report(summary, open.encrypted, input.dryRun, secondsSince(start), traffic, out)
        return summary.problems.length > 0 ? EXIT_INCOMPLETE : EXIT_OK
      }))
  },
  Effect.scoped,
)

/** Makes the snapshot, and shows progress on a terminal. */
const storeEntries = Effect.fnUntraced(function* (
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

/** How many entries are found while the repository is being opened: half a second's worth, a few MB. */
const EARLY_ENTRIES = 8192

type LeftOut = Parameters<NonNullable<WalkOptions["leftOut"]>>[1]
type EntriesError = SourceError | TarError | SqliteError | UsageError

interface What {
  readonly entries: Stream.Stream<Entry, EntriesError, SqliteEngine>
  readonly paths: ReadonlyArray<string>
  /** Begins to look for entries, if that is possible before the repository is open. */
  readonly begin?: () => void
  /** Fails if no snapshot may be made after all. Otherwise it never ends. */
  readonly failed: Effect.Effect<never, UsageError>
  /** Problems that are found before any entry. */
  readonly problems: ReadonlyArray<Problem>
  /** To be called after the last entry. */
  readonly ended: () => void
}

/** What is to be backed up: one tree, several, or input from elsewhere. */
const sourceOf = (
  input: BackupInput,
  location: string,
  out: Output,
): Effect.Effect<What, UsageError | SourceError, Scope.Scope> =>
  input.tar || input.stdin || input.stdinFromCommand || input.stdinFilename !== undefined
    ? incomingOf(input)
    : treesOf(input, location, out)

/** Standard input as a file or as a tar archive, or the output of a command. */
const incomingOf = Effect.fnUntraced(function* (
  input: BackupInput,
): Effect.fn.Return<What, UsageError | SourceError, Scope.Scope> {
  const { paths: args, stdin, stdinFromCommand, tar } = input
  if ([stdin, stdinFromCommand, tar].filter(Boolean).length > 1 || (args.length > 0 && !stdinFromCommand)) {
    return yield* new UsageError({
      message: "Give one of --stdin, --stdin-from-command, --tar and paths to back up",
    })
  }
  if (input.exclude.length + input.excludeFile.length > 0 || input.excludeCaches || input.oneFileSystem) {
    return yield* new UsageError({
      message: "--exclude and --one-file-system are for paths, not for standard input or a command: leave them out",
    })
  }
  const name = input.stdinFilename ?? (tar ? "stdin.tar" : "stdin")
  const problems: Array<Problem> = []
  const what = { paths: [resolve("/", name)], problems, ended: () => {} }
  if (!tar) return { ...what, ...yield* incoming(name, yield* stdinFromCommand ? commandInput(args) : stdinInput) }
  const [{ tarInput }, { readTar }] = yield* Effect.promise(() =>
    Promise.all([import("./source/tar_input.ts"), import("../stages/tar/mod.ts")])
  )
  const entries = readTar(yield* tarInput, { problem: (problem) => problems.push(problem) })
  return { ...what, entries, failed: Effect.never }
})

/** The trees and files that the arguments name. */
const treesOf = Effect.fnUntraced(function* (
  input: BackupInput,
  location: string,
  out: Output,
): Effect.fn.Return<What, UsageError, Scope.Scope> {
  if (input.paths.length === 0) {
    return yield* new UsageError({
      message: "No paths to back up: name one or more, as in penstock backup -r REPO ~/documents",
    })
  }
  const excludes = yield* excludesOf(input.exclude, input.excludeFile, input.paths)
  const { problems, remarks, roots } = yield* rootsOf(
    input.paths,
    excludes,
    location,
    input.cacheDir ?? cacheDirectory(),
  )
  for (const remark of remarks) out.remark(remark)
  const { localSource } = yield* Effect.promise(() => import("../adapters/files/source/source.ts"))
  const entries = entriesOf(localSource.make(), roots, input, ({ path: root }, path, why, directory) => {
    if (why === "ignored") excludes.left(root, path, directory)
    if (out.verbose === true) tellLeftOut(join(root, path), why, out)
  })
  const { begin, stream } = yield* early(entries, EARLY_ENTRIES)
  return {
    entries: stream,
    begin,
    paths: roots.map((root) => root.path),
    failed: Effect.never,
    problems,
    ended: () => tellUnused(excludes.unused(), out),
  }
})

const WHY: Readonly<Record<LeftOut, string>> = {
  ignored: "a pattern matches it",
  cache: "it is a cache; only its tag is stored",
  "file-system": "it is on another file system; only the directory itself is stored",
}

const tellLeftOut = (path: string, why: LeftOut, out: Output): void => {
  out.detail(`Leaving out ${displayPath(path)}: ${WHY[why]}`)
  out.row({ type: "excluded", path, why })
}

/** Names the patterns that matched nothing. Those with a `/` name one place, so they are always named. */
const tellUnused = (patterns: ReadonlyArray<string>, out: Output): void => {
  for (const pattern of patterns) {
    const placed = pattern.replace(/\/$/, "").includes("/")
    if (placed) out.remark(`Nothing matched --exclude ${displayText(pattern)}`)
    else out.detail(`Nothing matched --exclude ${displayText(pattern)}`)
    if (placed || out.verbose === true) out.row({ type: "unmatched", pattern })
  }
}

const optionsOf: (
  input: BackupInput,
  paths: ReadonlyArray<string>,
) => Effect.Effect<BackupOptions, UsageError> = Effect.fnUntraced(function* (input, paths) {
  const time = input.time === undefined ? undefined : Date.parse(input.time)
  if (Number.isNaN(time)) {
    return yield* new UsageError({
      message: `"${input.time}" is not a time: write it as 2026-11-21T08:30:00 or 2026-11-21`,
    })
  }
  // The times in an archive do not show whether content has changed.
  const parent = input.force || (input.tar && input.parent === undefined) ? "none" : input.parent
  const tags = yield* Effect.forEach(input.tag, tagsIn)
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
    const warning = inFuture(snapshot)
    if (warning !== undefined) out.remark(warning)
  }
}
