/** `penstock check`: verifies a repository. */
import * as Effect from "effect/Effect"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { adviceOnDamage, adviceOnUnreadable, printFindings } from "./output/findings.ts"
import { makeOutput } from "./output/output.ts"
import { plural, secondsSince, showBytes, showCount, showDuration } from "./output/show.ts"
import { makeTraffic, printTraffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { admitFilter } from "./repository/admit.ts"
import { withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { applyFilter, filterOf, listSnapshots } from "./selection/snapshots.ts"

export interface CheckInput extends CommonInput, FilterInput {
  readonly readData: boolean
  /** A percentage. */
  readonly readDataSubset: string | undefined
  /** Search for files instead; see recover.ts. */
  readonly recover: boolean
}

/** Runs `check`. Returns the exit code: 1 if anything is wrong. */
export const check: (input: CheckInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  if (input.recover) {
    if (input.onlyHost.length + input.onlyPath.length + input.onlyTag.length > 0) {
      return yield* new UsageError({
        message: "--recover searches the whole archive: leave --host, --path and --tag out",
      })
    }
    const { recover } = yield* Effect.promise(() => import("./recover.ts"))
    return yield* recover(input)
  }
  const out = makeOutput(input)
  const traffic = makeTraffic()
  const start = performance.now()
  const readData = yield* percentageOf(input)
  const filter = yield* filterOf(input)
  // Without the cache: the store itself is verified.
  const options = { ...input, noCache: true }
  return yield* withRepository(
    options,
    "open",
    { traffic, admit: admitFilter(input) },
    (repository) =>
      Effect.gen(function* () {
        if (filter.given !== "") {
          const listing = yield* listSnapshots(repository)
          // If all snapshots are damaged, the check itself reports it.
          if (listing.snapshots.length > 0 || listing.unlisted === 0) yield* applyFilter(listing, filter)
        }
        const summary = yield* repository.check({
          readData,
          ...(filter.given === "" ? {} : { only: filter.fits }),
          progress: ({ done, total }) => out.status(`Checked ${showCount(done)} of ${showCount(total)}`),
        }).pipe(Effect.ensuring(Effect.sync(() => out.status(""))))
        printFindings(summary.findings, out)
        const { snapshots, packs, chunks, bytesRead, findings } = summary
        const seconds = secondsSince(start)
        out.row({
          type: "summary",
          snapshots,
          packs,
          chunks,
          bytesRead,
          findings: findings.length,
          seconds,
          ...trafficMembers(traffic),
        })
        out.note(
          `Checked ${plural(snapshots, "snapshot")}, ${plural(packs, "pack")} and ${plural(chunks, "chunk")} in ` +
            `${showDuration(seconds)}; ${showBytes(bytesRead)} read`,
        )
        printTraffic(traffic, out)
        if (findings.length === 0) {
          out.note(
            readData > 0 ? "No errors were found" : "No errors were found (--read-data also verifies every byte)",
          )
          return EXIT_OK
        }
        out.line(`${plural(findings.length, "error")} found`)
        for (const advice of [...adviceOnUnreadable(findings), ...adviceOnDamage(findings)]) out.line(advice)
        return EXIT_FAILURE
      }),
  )
})

/** The percentage of the data to read. */
const percentageOf = ({ readData, readDataSubset }: CheckInput): Effect.Effect<number, UsageError> => {
  if (readDataSubset === undefined) return Effect.succeed(readData ? 100 : 0)
  const percent = /^(\d+(?:\.\d+)?)%?$/.exec(readDataSubset)?.[1]
  if (percent !== undefined && Number(percent) > 0 && Number(percent) <= 100) return Effect.succeed(Number(percent))
  return Effect.fail(
    new UsageError({ message: `"${readDataSubset}" is not a share of the data: give a percentage such as 10%` }),
  )
}
