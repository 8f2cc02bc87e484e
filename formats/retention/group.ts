/** Snapshots in groups of the same host, paths and tags. */
import type { SnapshotInfo } from "../repository.ts"

/** What the snapshots of a group have in common. */
export type GroupFact = "host" | "paths" | "tags"

/** Snapshots that belong together. The facts are there as far as the snapshots are grouped by them. */
export interface SnapshotGroup<S> {
  /** The host of its snapshots, when they are grouped by it. */
  readonly host?: string
  /** Sorted. */
  readonly paths?: ReadonlyArray<string>
  /** Sorted. */
  readonly tags?: ReadonlyArray<string>
  /** In the order in which they were given. */
  readonly snapshots: ReadonlyArray<S>
}

/**
 * Divides snapshots into groups that have the same host, paths and tags, as far as `by` names them; into one group when
 * it names none. The order of paths and tags does not matter. Groups come in the order of their first snapshots.
 *
 * @example Group by host
 * ```ts
 * import { groupSnapshots } from "@penstock/penstock"
 * import assert from "node:assert/strict"
 *
 * const snapshots = ["web", "mail", "web"].map((hostname, id) => ({ id, hostname, paths: ["/etc"], tags: [] }))
 * const groups = groupSnapshots(snapshots, ["host"])
 * assert.deepEqual(groups.map(({ host, snapshots }) => [host, snapshots.map(({ id }) => id)]), [
 *   ["web", [0, 2]],
 *   ["mail", [1]],
 * ])
 * ```
 */
export const groupSnapshots = <S extends Pick<SnapshotInfo, "hostname" | "paths" | "tags">>(
  snapshots: ReadonlyArray<S>,
  by: ReadonlyArray<GroupFact>,
): ReadonlyArray<SnapshotGroup<S>> => {
  const groups = new Map<string, SnapshotGroup<S> & { readonly snapshots: Array<S> }>()
  for (const snapshot of snapshots) {
    const facts = {
      ...(by.includes("host") ? { host: snapshot.hostname } : {}),
      ...(by.includes("paths") ? { paths: snapshot.paths.toSorted() } : {}),
      ...(by.includes("tags") ? { tags: snapshot.tags.toSorted() } : {}),
    }
    const key = JSON.stringify(facts)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { ...facts, snapshots: [snapshot] })
    else group.snapshots.push(snapshot)
  }
  return [...groups.values()]
}
