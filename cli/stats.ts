/** `penstock stats`: how much snapshots hold. */
import * as Effect from "effect/Effect"
import type { FormatError } from "../formats/error.ts"
import type { Repository, SnapshotInfo } from "../formats/repository.ts"
import { contentsSize, restoreSize, type StatsProblem, storedSize } from "../formats/stats.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import type { Output } from "./output/output.ts"
import { printProblemIn } from "./output/problems.ts"
import { notZero } from "./output/row.ts"
import { plural, showBytes, showCount } from "./output/show.ts"
import { trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { withListing } from "./repository/with_listing.ts"
import { describeUnlisted, pickSnapshots } from "./selection/snapshots.ts"

/** What to count, as `--mode` names it. */
export type StatsMode = "restore-size" | "files-by-contents" | "raw-data"

export interface StatsInput extends CommonInput, FilterInput {
  /** Starts of the IDs of snapshots, or `latest`; all without any. */
  readonly ids: ReadonlyArray<string>
  readonly mode: StatsMode
}

/** Runs `stats`. Returns the exit code: 1 if something cannot be counted, 3 if an ID is of no snapshot. */
export const stats: (input: StatsInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  return yield* withListing(
    input,
    Effect.fnUntraced(function* ({ filter, listing, out, repository, traffic }) {
      if (input.mode === "raw-data" && repository.storedSizes === undefined) return yield* cannot(repository.format)
      const { unknown, wanted } = yield* pickSnapshots(input.ids, listing, filter, out)
      let problems = 0
      const problem: StatsProblem = (one, snapshot) => {
        problems += 1
        printProblemIn(snapshot, one, out)
      }
      const { unlisted } = listing
      const chosen = new Set(wanted)
      const others = listing.snapshots.filter((snapshot) => !chosen.has(snapshot))
      // What a snapshot has that cannot be listed, nobody knows.
      const apart = others.length > 0 && unlisted === 0 ? others : undefined
      const { lines, lost = 0, members } = yield* COUNTS[input.mode](repository, wanted, apart, problem)
      printCounts([["Snapshots", showCount(wanted.length)], ...lines], out)
      out.row({
        type: "summary",
        mode: input.mode,
        snapshots: wanted.length,
        ...members,
        ...notZero({ problems, unknown, unlisted }),
        ...trafficMembers(traffic),
      })
      if (lost > 0) {
        out.warn(`${plural(lost, "chunk")} cannot be found: penstock check says which files need them`)
      }
      if (unlisted > 0) out.warn(describeUnlisted(unlisted))
      return problems + lost + unlisted > 0 ? EXIT_FAILURE : unknown > 0 ? EXIT_INCOMPLETE : EXIT_OK
    }),
  )
})

const cannot = (format: string): UsageError =>
  new UsageError({
    message: `The format ${format} does not tell what a content takes in the repository: leave --mode raw-data out, ` +
      "or give --mode files-by-contents",
  })

/** What a mode counted, for people and as members of the summary. */
interface Counted {
  readonly lines: ReadonlyArray<readonly [what: string, figure: string]>
  readonly members: Readonly<Record<string, unknown>>
  /** Chunks that the store does not have. */
  readonly lost?: number
}

type Count = (
  repository: Repository,
  snapshots: ReadonlyArray<SnapshotInfo>,
  others: ReadonlyArray<SnapshotInfo> | undefined,
  problem: StatsProblem,
) => Effect.Effect<Counted, FormatError>

const COUNTS: Readonly<Record<StatsMode, Count>> = {
  "restore-size": (repository, snapshots, _others, problem) =>
    Effect.map(restoreSize(repository, snapshots, problem), ({ bytes, directories, files, others }) => ({
      lines: [
        ["Files", showCount(files)],
        ["Directories", showCount(directories)],
        ["Others", showCount(others)],
        ["Size", showBytes(bytes)],
      ],
      members: { files, dirs: directories, others, bytes },
    })),
  "files-by-contents": (repository, snapshots, _others, problem) =>
    Effect.map(contentsSize(repository, snapshots, problem), ({ bytes, files }) => ({
      lines: [["Contents", showCount(files)], ["Size", showBytes(bytes)]],
      members: { files, bytes },
    })),
  "raw-data": (repository, snapshots, others, problem) =>
    Effect.map(storedSize(repository, snapshots, { others, problem }), (size) => {
      const { bytes, bytesStored, bytesUnique, chunks, lost, only } = size
      const deduplication = ratio(bytes, bytesUnique)
      // Without what is lost, it would be too high.
      const compression = lost > 0 ? undefined : ratio(bytesUnique, bytesStored)
      return {
        lines: [
          ["Size", showBytes(bytes)],
          ["Chunks", showCount(chunks)],
          ["Deduplicated", `${showBytes(bytesUnique)}${showRatio(deduplication)}`],
          ["Stored", `${showBytes(bytesStored)}${showRatio(compression)}`],
          ...(only === undefined ? [] : [
            [
              "Only in these",
              `${showBytes(only.bytesStored)}: ${plural(only.chunks, "chunk")} of ${showBytes(only.bytesUnique)}`,
            ] as const,
          ]),
        ],
        members: {
          ...{ bytes, chunks, bytesUnique, bytesStored, deduplication, compression },
          ...(only === undefined ? {} : { only }),
          ...notZero({ lost }),
        },
        lost,
      }
    }),
}

/** With two decimals. Undefined if there is nothing. */
const ratio = (before: number, after: number): number | undefined =>
  after === 0 ? undefined : Math.round(before / after * 100) / 100

const showRatio = (found: number | undefined): string => found === undefined ? "" : ` (ratio ${found.toFixed(2)})`

const printCounts = (lines: Counted["lines"], out: Output): void => {
  const width = Math.max(...lines.map(([what]) => what.length)) + 1
  for (const [what, figure] of lines) out.line(`${`${what}:`.padEnd(width)}  ${figure}`)
}
