/** What is backed up: trees, standard input, or the output of a command. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { join, resolve } from "node:path"
import { cacheDirectory } from "../../adapters/store/cache/directory.ts"
import type { Problem } from "../../formats/repository.ts"
import type { SqliteEngine, SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import type { TarError } from "../../stages/tar/mod.ts"
import { early } from "../../stages/walk/early.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import type { SourceError } from "../../stages/walk/errors.ts"
import { displayPath, displayText } from "../../stages/walk/path.ts"
import type { WalkOptions } from "../../stages/walk/source.ts"
import type { Output } from "../output/output.ts"
import { UsageError } from "../process/usage_error.ts"
import { excludesOf } from "./excludes.ts"
import { entriesOf, rootsOf } from "./roots.ts"
import { commandInput, inputEntries, stdinInput } from "./stdin.ts"

/** The options that say what to back up. */
export interface SourceInput {
  readonly paths: ReadonlyArray<string>
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
  readonly cacheDir: string | undefined
}

/** How many entries are found while the repository is being opened: half a second's worth, a few MB. */
const EARLY_ENTRIES = 8192

type LeftOut = Parameters<NonNullable<WalkOptions["leftOut"]>>[1]
/** What may go wrong while entries are read. */
export type EntriesError = SourceError | TarError | SqliteError | UsageError

/** The entries to back up, and what is known of them. */
export interface BackupSource {
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
export const backupSource = (
  input: SourceInput,
  location: string,
  out: Output,
): Effect.Effect<BackupSource, UsageError | SourceError, Scope.Scope> =>
  input.tar || input.stdin || input.stdinFromCommand || input.stdinFilename !== undefined
    ? inputSource(input)
    : treeSource(input, location, out)

/** Standard input as a file or as a tar archive, or the output of a command. */
const inputSource = Effect.fnUntraced(function* (
  input: SourceInput,
): Effect.fn.Return<BackupSource, UsageError | SourceError, Scope.Scope> {
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
  const source = { paths: [resolve("/", name)], problems, ended: () => {} }
  if (!tar) {
    return { ...source, ...yield* inputEntries(name, yield* stdinFromCommand ? commandInput(args) : stdinInput) }
  }
  const [{ tarInput }, { readTar }] = yield* Effect.promise(() =>
    Promise.all([import("./tar_input.ts"), import("../../stages/tar/mod.ts")])
  )
  const entries = readTar(yield* tarInput, { problem: (problem) => problems.push(problem) })
  return { ...source, entries, failed: Effect.never }
})

/** The trees and files that the arguments name. */
const treeSource = Effect.fnUntraced(function* (
  input: SourceInput,
  location: string,
  out: Output,
): Effect.fn.Return<BackupSource, UsageError, Scope.Scope> {
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
  const { localSource } = yield* Effect.promise(() => import("../../adapters/files/source/source.ts"))
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
