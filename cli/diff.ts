/** `penstock diff`: shows in what two snapshots differ. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Change, diff as changesBetween, type DifferenceSummary } from "../formats/diff.ts"
import type { FormatError } from "../formats/error.ts"
import type { Problem, Repository, SnapshotInfo } from "../formats/repository.ts"
import type { SourceError } from "../stages/walk/errors.ts"
import { unquotePath } from "../stages/walk/path.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { changeLetter, describeFacts, marked, showEntryPath } from "./output/changes.ts"
import { entryMembers } from "./output/entries.ts"
import type { Output } from "./output/output.ts"
import { printProblems } from "./output/problems.ts"
import { showBytes, showCount } from "./output/show.ts"
import { trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { withListing } from "./repository/with_listing.ts"
import { snapshotPath } from "./selection/selection.ts"
import { describeSnapshot, pickSnapshot } from "./selection/snapshots.ts"
import { fileVersions, printTextDiff } from "./text_diff.ts"

export interface DiffInput extends CommonInput, FilterInput {
  readonly before: string | undefined
  readonly after: string | undefined
  readonly path: string | undefined
  readonly metadata: boolean
}

/** Runs `diff`. Returns the exit code: 1 if something could not be compared. */
export const diff: (input: DiffInput) => Effect.Effect<number, OpenError | SourceError> = Effect.fnUntraced(
  function* (input) {
    const { after: second, before: first } = input
    if (first === undefined || second === undefined) {
      return yield* new UsageError({ message: "Give two snapshots, as in penstock diff 1a2b3c4d latest" })
    }
    return yield* withListing(
      input,
      Effect.fnUntraced(function* ({ filter, listing, out, repository, traffic }) {
        const before = yield* pickSnapshot(listing, first, filter, out)
        const after = yield* pickSnapshot(listing, second, filter, out)
        const part = yield* partOf(input.path, before, after)
        const versions = part === "" || input.metadata
          ? undefined
          : yield* fileVersions(repository, before, after, part)
        if (versions !== undefined) {
          yield* printTextDiff(repository, versions, out)
          out.row({ type: "summary", before: before.id, after: after.id, ...trafficMembers(traffic) })
          return EXIT_OK
        }
        const failed = yield* compare(repository, before, after, part, input, out)
        out.row({
          type: "summary",
          before: before.id,
          after: after.id,
          ...failed.summary,
          ...trafficMembers(traffic),
        })
        return failed.problems > 0 ? EXIT_FAILURE : EXIT_OK
      }),
    )
  },
)

/** The part of both snapshots that is compared. `""` is all. */
const partOf = (
  given: string | undefined,
  before: SnapshotInfo,
  after: SnapshotInfo,
): Effect.Effect<string, UsageError> => {
  if (given === undefined) return Effect.succeed("")
  const [one, other] = [before, after].map((snapshot) => snapshotPath(unquotePath(given), snapshot))
  return one === other ? Effect.succeed(one!) : Effect.fail(
    new UsageError({
      message: `"${given}" is "${one}" in snapshot ${describeSnapshot(before)}, but "${other}" in ` +
        `${describeSnapshot(after)}, which has other paths: penstock restore both, and compare the directories`,
    }),
  )
}

/** Prints the changes beneath `part`. */
const compare = Effect.fnUntraced(function* (
  repository: Repository,
  before: SnapshotInfo,
  after: SnapshotInfo,
  part: string,
  { metadata, path }: DiffInput,
  out: Output,
): Effect.fn.Return<{ readonly summary: object; readonly problems: number }, FormatError | UsageError> {
  out.remark(`Comparing snapshot ${describeSnapshot(before)} with ${describeSnapshot(after)}`)
  let problems = 0
  let seen = false
  let summary: DifferenceSummary | undefined
  const include = (other: string): boolean => {
    const wanted = other === part || part === "" || other.startsWith(`${part}/`)
    seen ||= wanted
    return wanted
  }
  const changes = changesBetween(repository, before, after, {
    metadata,
    include,
    summary: (given) => summary = given,
    problem: (problem: Problem) => {
      problems += 1
      printProblems([problem], out)
    },
  })
  yield* changes.pipe(
    Stream.takeWhile(() => !out.closed()),
    Stream.runForEach((change) => Effect.sync(() => printChange(change, metadata, out))),
  )
  if (!seen && part !== "" && problems === 0 && !out.closed()) {
    return yield* new UsageError({
      message: `There is no "${path}" in snapshot ${describeSnapshot(before)}, nor in ${describeSnapshot(after)}`,
    })
  }
  if (summary !== undefined) printSummary(summary, out)
  return { summary: summary === undefined ? {} : summaryMembers(summary), problems }
})

const printChange = (change: Change, metadata: boolean, out: Output): void => {
  const { after, before, facts, path, what } = change
  const modifier = changeLetter(change)
  if (out.json) {
    const [old, now] = [before, after].map((entry) => entry && entryMembers(entry))
    return out.row({ type: "change", path, modifier, facts, before: old, after: now })
  }
  out.note(marked(modifier, showEntryPath(after ?? before!)))
  if (metadata && (what === "metadata" || what === "content" || what === "type")) {
    for (const fact of describeFacts(change)) out.note(marked("", `  ${fact}`))
  }
}

const printSummary = ({ added, changed, removed }: DifferenceSummary, out: Output): void => {
  const count = (name: "files" | "directories" | "others" | "chunks"): string =>
    `${showCount(added[name]).padStart(7)} new, ${showCount(removed[name]).padStart(7)} removed`
  out.line("")
  out.line(`Files:       ${count("files")}, ${showCount(changed).padStart(7)} changed`)
  out.line(`Directories: ${count("directories")}`)
  out.line(`Others:      ${count("others")}`)
  out.line(`Chunks:      ${count("chunks")}`)
  out.line(`  Added:   ${showBytes(added.bytes)}`)
  out.line(`  Removed: ${showBytes(removed.bytes)}`)
}

const summaryMembers = ({ added, changed, removed }: DifferenceSummary): object => {
  const members = ({ directories, ...counts }: DifferenceSummary["added"]) => ({ ...counts, dirs: directories })
  return { changedFiles: changed, added: members(added), removed: members(removed) }
}
