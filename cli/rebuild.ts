/** `penstock rebuild`: makes lost indexes and catalogs again from the data. */
import * as Effect from "effect/Effect"
import type { CommonInput } from "./arguments/inputs.ts"
import { adviceOnUnreadable, printFindings } from "./output/findings.ts"
import { makeOutput } from "./output/output.ts"
import { plural, secondsSince } from "./output/show.ts"
import { makeTraffic, printTraffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import { withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { describeSnapshot } from "./selection/snapshots.ts"
import { snapshotRow } from "./snapshots.ts"

/** Runs `rebuild`. Returns the exit code: 1 if something is lost for good. */
export const rebuild: (input: CommonInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const traffic = makeTraffic()
  const start = performance.now()
  // Without the cache: an object is lost when the store does not have it.
  const options = { ...input, noCache: true }
  return yield* withRepository(
    options,
    "open",
    { traffic },
    (repository) =>
      Effect.map(repository.rebuild, ({ snapshots, packsIndexed, rebuiltObjects = [], findings }) => {
        for (const snapshot of snapshots) {
          out.note(`Snapshot ${describeSnapshot(snapshot)} has a catalog again`)
          out.row(snapshotRow(snapshot))
        }
        for (const object of rebuiltObjects) out.note(`${object} was lost or damaged; it was made again`)
        printFindings(findings, out)
        const seconds = secondsSince(start)
        out.row({
          type: "summary",
          snapshots: snapshots.length,
          packsIndexed,
          rebuiltObjects,
          findings: findings.length,
          seconds,
          ...trafficMembers(traffic),
        })
        if (snapshots.length + packsIndexed + findings.length > 0) {
          out.note(`Rebuilt ${plural(snapshots.length, "catalog")}; ${plural(packsIndexed, "pack")} indexed again`)
        } else if (rebuiltObjects.length === 0) out.note("No catalog or index was lost")
        printTraffic(traffic, out)
        if (findings.length === 0) return EXIT_OK
        out.line(`${plural(findings.length, "object")} lost or damaged: see above`)
        for (const advice of adviceOnUnreadable(findings)) out.line(advice)
        return EXIT_FAILURE
      }),
  )
})
