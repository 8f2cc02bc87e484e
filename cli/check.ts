/** `penstock check`: verifies a repository. */
import * as Effect from "effect/Effect"
import type { SnapshotInfo } from "../formats/repository.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { adviceOnDamage, adviceOnUnreadable, printFindings } from "./output/findings.ts"
import { makeOutput } from "./output/output.ts"
import { notZero } from "./output/row.ts"
import { plural, secondsSince, showBytes, showCount, showDuration } from "./output/show.ts"
import { makeTraffic, printTraffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { admitFilter } from "./repository/admit.ts"
import { withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { readDataOf } from "./selection/read_data.ts"
import { filterOf, listSnapshots, pickSnapshots } from "./selection/snapshots.ts"

export interface CheckInput extends CommonInput, FilterInput {
  readonly snapshot: ReadonlyArray<string>
  readonly readData: boolean
  /** A part, a percentage or a size; see selection/read_data.ts. */
  readonly readDataSubset: string | undefined
  /** Search for files instead; see recover.ts. */
  readonly recover: boolean
}

/** Runs `check`. Returns the exit code: 1 if anything is wrong, 3 if an ID matches no snapshot. */
export const check: (input: CheckInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  if (input.recover) {
    if (input.onlyHost.length + input.onlyPath.length + input.onlyTag.length + input.snapshot.length > 0) {
      return yield* new UsageError({
        message: "--recover searches the whole archive: leave --host, --path, --tag and --snapshot out",
      })
    }
    const { recover } = yield* Effect.promise(() => import("./recover.ts"))
    return yield* recover(input)
  }
  const out = makeOutput(input)
  const traffic = makeTraffic()
  const start = performance.now()
  const readData = yield* readDataOf(input.readData, input.readDataSubset)
  const filter = yield* filterOf(input)
  // Without the cache: the store itself is verified.
  const options = { ...input, noCache: true }
  return yield* withRepository(
    options,
    "open",
    { traffic, admit: admitFilter(input) },
    (repository) =>
      Effect.gen(function* () {
        let only: ((snapshot: SnapshotInfo) => boolean) | undefined
        let unknown = 0
        if (filter.given !== "" || input.snapshot.length > 0) {
          only = filter.fits
          const listing = yield* listSnapshots(repository)
          // If all snapshots are damaged, the check itself reports it.
          if (listing.snapshots.length > 0 || listing.unlisted === 0) {
            const picked = yield* pickSnapshots(input.snapshot, listing, filter, out)
            const ids = new Set(picked.wanted.map(({ id }) => id))
            only = ({ id }) => ids.has(id)
            unknown = picked.unknown
          }
        }
        const summary = yield* repository.check({
          readData,
          ...(only === undefined ? {} : { only }),
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
          ...notZero({ unknown }),
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
            readData !== 0 ? "No errors were found" : "No errors were found (--read-data also verifies every byte)",
          )
          return unknown > 0 ? EXIT_INCOMPLETE : EXIT_OK
        }
        out.line(`${plural(findings.length, "error")} found`)
        for (const advice of [...adviceOnUnreadable(findings), ...adviceOnDamage(findings)]) out.line(advice)
        return EXIT_FAILURE
      }),
  )
})
