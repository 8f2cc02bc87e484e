/** `penstock snapshots`: lists the snapshots of a repository. */
import * as Effect from "effect/Effect"
import type { SnapshotInfo } from "../formats/repository.ts"
import { staleHosts } from "../formats/stale.ts"
import { displayPath } from "../stages/walk/path.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import type { Output } from "./output/output.ts"
import type { Row } from "./output/row.ts"
import { plural } from "./output/show.ts"
import { snapshotTable } from "./output/snapshot_table.ts"
import { trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { withListing } from "./repository/with_listing.ts"
import { ageOf } from "./selection/age.ts"
import { describeSnapshot, describeUnlisted } from "./selection/snapshots.ts"

export interface SnapshotsInput extends CommonInput, FilterInput {
  /** An age; see selection/age.ts. */
  readonly stale: string | undefined
}

/** Runs `snapshots`. Returns the exit code: 1 if a snapshot cannot be listed, 3 if a host has no recent one. */
export const snapshots: (input: SnapshotsInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(
  function* (input) {
    const since = input.stale === undefined ? undefined : (yield* ageOf("--stale", input.stale))(Date.now())
    return yield* withListing(
      input,
      ({ filter, listing: { snapshots, unlisted }, out, traffic }) =>
        Effect.sync(() => {
          const chosen = snapshots.filter(filter.fits)
          let stale: number | undefined
          if (since !== undefined) stale = tellStale(chosen, since, input, out)
          else {
            for (const snapshot of chosen) out.row(snapshotRow(snapshot))
            if (!out.json && chosen.length > 0) { for (const line of snapshotTable(chosen)) out.line(line) }
            out.note(plural(chosen.length, "snapshot"))
          }
          out.row({
            type: "summary",
            snapshots: chosen.length,
            ...(stale === undefined ? {} : { stale }),
            ...(unlisted === 0 ? {} : { unlisted }),
            ...trafficMembers(traffic),
          })
          if (unlisted === 0) return stale ? EXIT_INCOMPLETE : EXIT_OK
          out.warn(describeUnlisted(unlisted))
          return EXIT_FAILURE
        }),
      { time: since === undefined ? undefined : "--stale" },
    )
  },
)

/** Names the hosts without a snapshot since a time. Returns how many there are; at least 1 without any snapshot. */
const tellStale = (
  snapshots: ReadonlyArray<SnapshotInfo>,
  since: number,
  { onlyHost, stale }: SnapshotsInput,
  out: Output,
): number => {
  const found = staleHosts(snapshots, { since, hosts: onlyHost })
  for (const { hostname, newest } of found) {
    const host = displayPath(hostname)
    out.line(
      newest === undefined
        ? `${host}: no snapshot`
        : `${host}: no snapshot since ${describeSnapshot(newest)}, which is older than ${stale}`,
    )
    out.row({
      type: "stale",
      hostname,
      ...(newest === undefined ? {} : { snapshot: newest.id, time: new Date(newest.time).toISOString() }),
    })
  }
  if (snapshots.length === 0 && found.length === 0) {
    out.line("There is no snapshot of any host")
    return 1
  }
  if (found.length === 0) out.note(`Every host has a snapshot that is not older than ${stale}`)
  return found.length
}

/** A snapshot as a row of `--json`. It has no time if the format keeps none. */
export const snapshotRow = (
  { directories, time, ...snapshot }: SnapshotInfo,
): Row => ({
  type: "snapshot",
  ...snapshot,
  dirs: directories,
  ...(time === 0 ? {} : { time: new Date(time).toISOString() }),
})
