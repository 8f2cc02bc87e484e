/** `penstock rebuild`: makes lost indexes and catalogs again from the data. */
import * as Effect from "effect/Effect"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import { adviceOnUnreadable, printFindings } from "./output/findings.ts"
import type { CommonInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { plural, secondsSince } from "./output/quantity.ts"
import { type OpenError, withRepository } from "./repository/open.ts"
import { describeSnapshot } from "./selection/snapshots.ts"
import { snapshotRow } from "./snapshots.ts"
import { printTraffic } from "./output/traffic.ts"

/** Runs `rebuild`; gives the exit code: 1 when something is lost for good. */
export const rebuild: (input: CommonInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const start = performance.now()
  return yield* withRepository(
    // What is lost is what the store has not.
    { ...input, noCache: true },
    "open",
    (repository) =>
      Effect.map(repository.rebuild, ({ snapshots, packsIndexed, findings }) => {
        for (const snapshot of snapshots) {
          out.note(`Snapshot ${describeSnapshot(snapshot)} has a catalog again`)
          out.row(snapshotRow(snapshot))
        }
        printFindings(findings, out)
        const seconds = secondsSince(start)
        out.row({ type: "summary", snapshots: snapshots.length, packsIndexed, findings: findings.length, seconds })
        out.note(
          snapshots.length + packsIndexed + findings.length === 0
            ? "No catalog or index was lost"
            : `Rebuilt ${plural(snapshots.length, "catalog")}; ${plural(packsIndexed, "pack")} indexed again`,
        )
        printTraffic(out)
        if (findings.length === 0) return EXIT_OK
        out.line(`${plural(findings.length, "object")} lost or damaged: see above`)
        const unreadable = adviceOnUnreadable(findings)
        if (unreadable !== undefined) out.line(unreadable)
        return EXIT_FAILURE
      }),
  )
})
