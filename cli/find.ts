/** `penstock find`: looks for files in many snapshots. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { FormatError } from "../formats/error.ts"
import { onlyPath } from "../formats/file_content.ts"
import { find as findEntries, type Found, type Sought, type Version, versionsOf } from "../formats/find.ts"
import type { Problem, SnapshotInfo } from "../formats/repository.ts"
import { unquotePath } from "../stages/walk/path.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { readTime } from "./arguments/time.ts"
import { changeLetter, marked, showEntryPath } from "./output/changes.ts"
import { entryMembers, longLine, showFileTime } from "./output/entries.ts"
import type { Output } from "./output/output.ts"
import { printProblemIn } from "./output/problems.ts"
import { notZero } from "./output/row.ts"
import { plural, showBytes } from "./output/show.ts"
import { trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { withListing } from "./repository/with_listing.ts"
import { makeSelection, type Selection, snapshotPath } from "./selection/selection.ts"
import { describeSnapshot, describeUnlisted, pickSnapshots } from "./selection/snapshots.ts"

export interface FindInput extends CommonInput, FilterInput {
  readonly patterns: ReadonlyArray<string>
  readonly snapshot: ReadonlyArray<string>
  readonly newest: string | undefined
  readonly oldest: string | undefined
  readonly ignoreCase: boolean
  readonly long: boolean
  readonly humanReadable: boolean
  readonly history: string | undefined
}

/** Runs `find`. Returns the exit code: 1 if a snapshot cannot be looked through, 3 if an ID is of none. */
export const find: (input: FindInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  if (input.patterns.length === 0 && input.history === undefined) {
    return yield* new UsageError({ message: "Give a pattern, as in penstock find '*.jpg', or --history PATH" })
  }
  if (input.patterns.length > 0 && input.history !== undefined) {
    return yield* new UsageError({ message: "Give either patterns or --history, not both" })
  }
  const span = yield* spanOf(input)
  return yield* withListing(
    input,
    Effect.fnUntraced(function* ({ filter, listing, out, repository, traffic }) {
      const { unknown, wanted } = yield* pickSnapshots(input.snapshot, listing, filter, out)
      let problems = 0
      const problem = (one: Problem, snapshot: SnapshotInfo): void => {
        problems += 1
        printProblemIn(snapshot, one, out)
      }
      const sought = input.history === undefined
        ? yield* byPatterns(input, wanted, span)
        : byPath(unquotePath(input.history), span)
      const found = findEntries(repository, wanted, sought, problem).pipe(Stream.takeWhile(() => !out.closed()))
      const counted = input.history === undefined
        ? yield* printFound(found, input, out)
        : printVersions(yield* versionsOf(found), input.history, out)
      const { unlisted } = listing
      out.row({
        type: "summary",
        snapshots: wanted.length,
        ...counted,
        ...notZero({ problems, unknown, unlisted }),
        ...trafficMembers(traffic),
      })
      if (unlisted > 0) out.warn(describeUnlisted(unlisted))
      return problems + unlisted > 0 ? EXIT_FAILURE : unknown > 0 ? EXIT_INCOMPLETE : EXIT_OK
    }),
  )
})

/** Whether a time of a file is wanted. */
type Span = (mtime: bigint | undefined) => boolean

/** What `--oldest` and `--newest` want. Without them, files whose time is not known are wanted, too. */
const spanOf = Effect.fnUntraced(function* (
  input: Pick<FindInput, "newest" | "oldest">,
): Effect.fn.Return<Span, UsageError> {
  const [oldest, newest] = [yield* readTime(input.oldest), yield* readTime(input.newest)]
  if (oldest !== undefined && newest !== undefined && oldest > newest) {
    return yield* new UsageError({ message: "--oldest must be a time before --newest" })
  }
  const nanoseconds = (time: number): bigint => BigInt(time) * 1_000_000n
  if (oldest === undefined && newest === undefined) return () => true
  return (mtime) =>
    mtime !== undefined && (oldest === undefined || mtime >= nanoseconds(oldest)) &&
    (newest === undefined || mtime <= nanoseconds(newest))
})

type Seeking = (snapshot: SnapshotInfo) => Sought

/** Looks for what matches one of the patterns. They mean different things in snapshots of different paths. */
const byPatterns = Effect.fnUntraced(function* (
  { ignoreCase, patterns }: FindInput,
  snapshots: ReadonlyArray<SnapshotInfo>,
  span: Span,
): Effect.fn.Return<Seeking, UsageError> {
  const globs = ignoreCase ? { iinclude: patterns } : { include: patterns }
  const selections = new Map<string, Selection>()
  for (const snapshot of snapshots) {
    const key = snapshot.paths.join("\0")
    if (!selections.has(key)) selections.set(key, yield* makeSelection([], globs, snapshot))
  }
  return ({ paths }) => {
    const { wanted } = selections.get(paths.join("\0"))!
    return { wanted: ({ kind, metadata, path }) => span(metadata.mtime) && wanted(path, kind) }
  }
})

/** Looks for one path. */
const byPath = (given: string, span: Span): Seeking => (snapshot) => {
  const path = snapshotPath(given, snapshot)
  return {
    wanted: (entry) => entry.path === path && span(entry.metadata.mtime),
    include: onlyPath(path),
  }
}

/** Prints what is found, beneath the snapshots. */
const printFound = Effect.fnUntraced(function* (
  found: Stream.Stream<Found, FormatError>,
  { humanReadable, long }: FindInput,
  out: Output,
): Effect.fn.Return<{ readonly matches: number }, FormatError> {
  let matches = 0
  let last: SnapshotInfo | undefined
  yield* Stream.runForEachArray(found, (all) =>
    Effect.sync(() => {
      for (const { change, entry, snapshot } of all) {
        matches += 1
        const modifier = change === undefined ? "" : changeLetter({ what: change })
        if (out.json) {
          out.row({ type: "match", snapshot: snapshot.id, ...entryMembers(entry), ...(modifier && { modifier }) })
          continue
        }
        if (snapshot !== last) {
          if (last !== undefined) out.note("")
          out.note(`Found in snapshot ${describeSnapshot(snapshot)}:`)
        }
        last = snapshot
        out.line(marked(modifier, long ? longLine(entry, humanReadable) : showEntryPath(entry)))
      }
      out.flush()
    }))
  return { matches }
})

/** Prints the versions of one file. */
const printVersions = (
  versions: ReadonlyArray<Version>,
  given: string,
  out: Output,
): { readonly versions: number } => {
  for (const { entry, snapshots } of versions) {
    const { kind, metadata, size } = entry
    const [first, last] = [snapshots[0]!, snapshots.at(-1)!]
    out.row({ type: "version", ...entryMembers(entry), snapshots: snapshots.map(({ id }) => id) })
    const what = kind === "file" ? size === undefined ? "?" : showBytes(size) : kind
    const where = first === last
      ? `snapshot ${describeSnapshot(first)}`
      : `${plural(snapshots.length, "snapshot")}, from ${describeSnapshot(first)} to ${describeSnapshot(last)}`
    out.line(`${what.padStart(9)}  ${showFileTime(metadata.mtime).padEnd(19)}  in ${where}`)
  }
  out.note(`${plural(versions.length, "version")} of ${given}`)
  return { versions: versions.length }
}
