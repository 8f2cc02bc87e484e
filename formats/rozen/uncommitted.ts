/**
 * Runs that have a whole log and no object in INDEX: either that object is lost, or the run was stopped just before it
 * wrote it. A rebuild makes snapshots of them.
 */
import type { Damage } from "../../stages/store/damage.ts"
import type { SnapshotRecord } from "./snapshot.ts"

/** The records of whole logs that belong to no snapshot, and to none that was forgotten. */
export const uncommittedRuns = (
  ended: Iterable<SnapshotRecord>,
  { forgotten, snapshots }: {
    readonly snapshots: ReadonlyArray<{ readonly record: SnapshotRecord }>
    /** What was forgotten, in formats that can forget. */
    readonly forgotten?: { readonly ids: ReadonlySet<string> }
  },
): ReadonlyArray<SnapshotRecord> => {
  const committed = new Set(snapshots.map(({ record }) => record.id))
  return [...ended].filter(({ id }) => !committed.has(id) && forgotten?.ids.has(id) !== true)
}

/** Adds these runs to what a check found. */
export const addUncommitted = (damage: Damage, runs: ReadonlyArray<SnapshotRecord>): void => {
  for (const { id, time } of runs) {
    const short = id.slice(0, 8)
    const made = Number.isFinite(new Date(time).getTime()) ? ` of ${new Date(time).toISOString()}` : ""
    damage.add(
      `snapshot ${short}`,
      `Snapshot ${short}${made} is not in INDEX, and its log is whole: unless its backup is still running, ` +
        '"penstock rebuild" makes it a snapshot again',
    )
  }
}
