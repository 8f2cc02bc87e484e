/** `penstock verify`: a restore drill with files taken at random. */
import * as Effect from "effect/Effect"
import { hostname } from "node:os"
import { compareOnly } from "../adapters/files/target/compare.ts"
import { localTarget } from "../adapters/files/target/target.ts"
import { drill, type DrillOptions } from "../formats/drill.ts"
import type { Repository, SnapshotInfo } from "../formats/repository.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { notZero } from "./output/row.ts"
import { plural, secondsSince, SHORT_ID, showBytes, showCount, showPath } from "./output/show.ts"
import { printTraffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { withListing } from "./repository/with_listing.ts"
import { type TargetPart, targetParts } from "./restoring/parts.ts"
import { describeUnlisted, pickSnapshots } from "./selection/snapshots.ts"

export interface VerifyInput extends CommonInput, FilterInput {
  readonly snapshot: ReadonlyArray<string>
  /** How many files. */
  readonly sample: string
}

/**
 * Runs `verify`. Returns the exit code: 1 if a file is not right or a snapshot cannot be listed, 3 if an ID matches no
 * snapshot.
 */
export const verify: (input: VerifyInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const start = performance.now()
  const files = /^[1-9]\d{0,6}$/.test(input.sample) ? Number(input.sample) : undefined
  if (files === undefined) {
    return yield* new UsageError({ message: `--sample "${input.sample}" is not a number of files, such as 20` })
  }
  return yield* withListing(
    input,
    Effect.fnUntraced(function* ({ filter, listing, out, repository, traffic }) {
      const { unlisted } = listing
      const { unknown, wanted } = yield* pickSnapshots(input.snapshot, listing, filter, out)
      if (wanted.length === 0) {
        return yield* new UsageError({
          message: unlisted === 0
            ? "The repository has no snapshots yet: there is nothing to verify"
            : `There is nothing to verify. ${describeUnlisted(unlisted)}`,
        })
      }
      const { bytes, compared, files: taken, problems, snapshots } = yield* drill(repository, {
        files,
        snapshots: wanted,
        compare: liveComparison(repository),
      })
      for (const { message, path, snapshot } of problems) {
        out.warn(`${showPath(path)} of snapshot ${snapshot.slice(0, SHORT_ID)}: ${message}`)
        out.row({ type: "problem", path, message, snapshot })
      }
      // A snapshot that cannot be listed is not as it should be, whatever the others are.
      const failed = problems.length + unlisted > 0
      out.row({
        type: "summary",
        snapshots,
        files: taken,
        bytes,
        compared,
        problems: problems.length,
        ...notZero({ unknown, unlisted }),
        seconds: secondsSince(start),
        ...trafficMembers(traffic),
      })
      out.line(
        `${failed ? "FAILED" : "OK"}: ${plural(taken, "file")} of ${plural(snapshots, "snapshot")}, ` +
          `${showBytes(bytes)}; ${showCount(compared)} compared with the files here; ` +
          `${plural(problems.length, "problem")}${
            unlisted === 0 ? "" : `; ${plural(unlisted, "snapshot")} cannot be listed`
          }`,
      )
      printTraffic(traffic, out)
      return failed ? EXIT_FAILURE : unknown > 0 ? EXIT_INCOMPLETE : EXIT_OK
    }),
  )
})

/**
 * Compares with the files of this machine that have the same size and time as in the snapshot. Other files, and those
 * of other machines, have nothing to be compared with.
 */
export const liveComparison = (repository: Repository): NonNullable<DrillOptions["compare"]> => {
  const parts = new Map<string, ReadonlyArray<TargetPart>>()
  const partsOf = Effect.fnUntraced(function* (snapshot: SnapshotInfo) {
    if (snapshot.hostname !== hostname()) return []
    const known = parts.get(snapshot.id)
    if (known !== undefined) return known
    // A snapshot that does not say where its files were cannot be compared.
    const found = yield* Effect.catch(targetParts("/", repository, snapshot), () => Effect.succeed([]))
    parts.set(snapshot.id, found)
    return found
  })
  return Effect.fnUntraced(function* (snapshot, entry) {
    for (const part of yield* partsOf(snapshot)) {
      const placed = part.place(entry)
      if (placed === undefined) continue
      const { mtime } = placed.metadata
      const { linkTo: _, ...alone } = { ...placed, metadata: mtime === undefined ? {} : { mtime } }
      const result = yield* Effect.scoped(Effect.gen(function* () {
        const spares = yield* localTarget.make().spares!(part.root, { overwrite: "if-changed" })
        if (!spares(alone)) return undefined
        const session = yield* compareOnly(part.root, { owner: false })
        const [written] = yield* session.write([alone])
        if (written!.outcome === "unchanged") return "same" as const
        // It may have changed only just now.
        if (!spares(alone)) return undefined
        const message = "message" in written!
          ? written.message
          : "It is not the same as the file here, which has the same size and time: one of the two is damaged"
        return { path: entry.path, message }
      })).pipe(Effect.catch(() => Effect.succeed(undefined)))
      return result
    }
    return undefined
  })
}
