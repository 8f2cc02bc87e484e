/** `penstock check`: verifies a repository. */
import * as Effect from "effect/Effect"
import { UsageError } from "./process/usage_error.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import { adviceOnUnreadable, printFindings } from "./output/findings.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { plural, secondsSince, showBytes, showCount, showDuration } from "./output/quantity.ts"
import { admitFilter } from "./repository/admit.ts"
import { type OpenError, withRepository } from "./repository/open.ts"
import { filtered, filterOf, listSnapshots } from "./selection/snapshots.ts"
import { printTraffic } from "./output/traffic.ts"

export interface CheckInput extends CommonInput, FilterInput {
  readonly readData: boolean
  readonly readDataSubset: string | undefined
  /** Look for what is left instead. */
  readonly recover: boolean
}

/** Runs `check`; gives the exit code: 1 when anything is wrong. */
export const check: (input: CheckInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  if (input.recover) {
    if (input.onlyHost.length + input.onlyPath.length + input.onlyTag.length > 0) {
      return yield* new UsageError({
        message: "--recover looks for all that there is: leave --host, --path, --tag out",
      })
    }
    const { recover } = yield* Effect.promise(() => import("./recover.ts"))
    return yield* recover(input)
  }
  const out = makeOutput(input)
  const start = performance.now()
  const readData = yield* share(input)
  const filter = yield* filterOf(input)
  // What is verified is what the store has.
  return yield* withRepository({ ...input, noCache: true }, "open", (repository) =>
    Effect.gen(function* () {
      if (filter.given !== "") {
        const listing = yield* listSnapshots(repository)
        // When all are damaged, the check itself says so.
        if (listing.snapshots.length > 0 || listing.unlisted === 0) yield* filtered(listing, filter)
      }
      const summary = yield* repository.check({
        readData,
        ...(filter.given === "" ? {} : { only: filter.fits }),
        progress: ({ done, total }) => out.status(`Checked ${showCount(done)} of ${showCount(total)}`),
      }).pipe(Effect.ensuring(Effect.sync(() => out.status(""))))
      printFindings(summary.findings, out)
      const { snapshots, packs, chunks, bytesRead, findings } = summary
      const seconds = secondsSince(start)
      out.row({ type: "summary", snapshots, packs, chunks, bytesRead, findings: findings.length, seconds })
      out.note(
        `Checked ${plural(snapshots, "snapshot")}, ${plural(packs, "pack")} and ${plural(chunks, "chunk")} in ` +
          `${showDuration(seconds)}; ${showBytes(bytesRead)} read`,
      )
      printTraffic(out)
      if (findings.length === 0) {
        out.note(readData > 0 ? "No errors were found" : "No errors were found (--read-data also verifies every byte)")
        return EXIT_OK
      }
      out.line(`${plural(findings.length, "error")} found`)
      const unreadable = adviceOnUnreadable(findings)
      if (unreadable !== undefined) out.line(unreadable)
      const damaged = findings.filter(({ unreadable }) => unreadable !== true)
      if (damaged.length > 0) {
        out.line("Lost indexes, catalogs and logs: penstock rebuild makes them again. Copy the repository first")
      }
      if (damaged.some(({ object }) => object.endsWith(".roz"))) {
        out.line(
          "Damaged packs: move them out of the repository, and keep them; run penstock rebuild, and back up again. " +
            "What the source still has is then stored again",
        )
      }
      if (damaged.some(({ object }) => /^(extents|blocks)\//.test(object))) {
        out.line(
          "Damaged extents and blocks: move them out of the repository, and keep them; back up again with --force. " +
            "What the source still has is then stored again",
        )
      }
      return EXIT_FAILURE
    }), { admit: admitFilter(input) })
})

/** Percentage of the data to read. */
const share = ({ readData, readDataSubset }: CheckInput): Effect.Effect<number, UsageError> => {
  if (readDataSubset === undefined) return Effect.succeed(readData ? 100 : 0)
  const percent = /^(\d+(?:\.\d+)?)%?$/.exec(readDataSubset)?.[1]
  if (percent !== undefined && Number(percent) > 0 && Number(percent) <= 100) return Effect.succeed(Number(percent))
  return Effect.fail(
    new UsageError({ message: `"${readDataSubset}" is not a share of the data; give a percentage such as 10%` }),
  )
}
