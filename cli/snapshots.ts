/** `penstock snapshots`: lists the snapshots of a repository. */
import * as Effect from "effect/Effect"
import type { SnapshotInfo } from "../formats/repository.ts"
import { type GroupFact, groupSnapshots } from "../formats/retention/group.ts"
import { staleHosts } from "../formats/stale.ts"
import { displayPath } from "../stages/walk/path.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import type { Output } from "./output/output.ts"
import type { Row } from "./output/row.ts"
import { notZero } from "./output/row.ts"
import { plural } from "./output/show.ts"
import { ofGroup } from "./output/snapshot_group.ts"
import { snapshotTable } from "./output/snapshot_table.ts"
import { trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { withListing } from "./repository/with_listing.ts"
import { ageOf } from "./selection/age.ts"
import { groupingOf } from "./selection/policy.ts"
import { describeSnapshot, describeUnlisted } from "./selection/snapshots.ts"

export interface SnapshotsInput extends CommonInput, FilterInput {
  /** An age; see selection/age.ts. */
  readonly stale: string | undefined
  /** How many of each group. */
  readonly latest: string | undefined
  /** As `forget` takes it. */
  readonly groupBy: string | undefined
  readonly compact: boolean
}

/** Runs `snapshots`. Returns the exit code: 1 if a snapshot cannot be listed, 3 if a host has no recent one. */
export const snapshots: (input: SnapshotsInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(
  function* (input) {
    const since = input.stale === undefined ? undefined : (yield* ageOf("--stale", input.stale))(Date.now())
    const { by, latest } = yield* listingOf(input)
    return yield* withListing(
      input,
      ({ filter, listing: { snapshots, unlisted }, out, traffic }) =>
        Effect.sync(() => {
          const chosen = newestOfEach(snapshots.filter(filter.fits), by, latest)
          let stale: number | undefined
          if (since !== undefined) stale = tellStale(chosen, since, input, out)
          else {
            printGroups(chosen, by, input.compact, out)
            out.note(plural(chosen.length, "snapshot"))
          }
          out.row({
            type: "summary",
            snapshots: chosen.length,
            ...(stale === undefined ? {} : { stale }),
            ...notZero({ unlisted }),
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

/** What `--latest` and `--group-by` say. Fails if `--stale`, which lists no snapshots, is given with one of them. */
const listingOf = Effect.fnUntraced(function* (
  { compact, groupBy, latest, stale }: SnapshotsInput,
): Effect.fn.Return<
  { readonly by: ReadonlyArray<GroupFact> | undefined; readonly latest: number | undefined },
  UsageError
> {
  if (stale !== undefined && (latest !== undefined || groupBy !== undefined || compact)) {
    return yield* new UsageError({
      message: "--stale lists hosts, not snapshots: leave --latest, --group-by and --compact out",
    })
  }
  if (latest !== undefined && !/^[1-9]\d{0,14}$/.test(latest)) {
    return yield* new UsageError({ message: `--latest "${latest}" is no number of snapshots, such as 1` })
  }
  return {
    by: groupBy === undefined ? undefined : yield* groupingOf(groupBy),
    latest: latest === undefined ? undefined : Number(latest),
  }
})

/** The last `count` of each group; all without a count. Without `by`, the snapshots of a host and paths are a group. */
const newestOfEach = (
  snapshots: ReadonlyArray<SnapshotInfo>,
  by: ReadonlyArray<GroupFact> = ["host", "paths"],
  count: number | undefined,
): ReadonlyArray<SnapshotInfo> => {
  if (count === undefined) return snapshots
  const kept = new Set(groupSnapshots(snapshots, by).flatMap(({ snapshots }) => snapshots.slice(-count)))
  return snapshots.filter((snapshot) => kept.has(snapshot))
}

/** Prints snapshots, each group as a table of its own; all as one without `by`. */
const printGroups = (
  snapshots: ReadonlyArray<SnapshotInfo>,
  by: ReadonlyArray<GroupFact> | undefined,
  compact: boolean,
  out: Output,
): void => {
  for (const { snapshots: those, ...group } of groupSnapshots(snapshots, by ?? [])) {
    for (const snapshot of those) out.row({ ...snapshotRow(snapshot), ...(by === undefined ? {} : { group }) })
    if (out.json) continue
    const heading = ofGroup(group)
    if (heading !== "") out.note(`${plural(those.length, "snapshot")}${heading}:`)
    for (const line of snapshotTable(those, { compact })) out.line(line)
    if (heading !== "") out.note("")
  }
}

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
