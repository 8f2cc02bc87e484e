/** Snapshots that have a whole log and no object in INDEX: that object is lost, or their run ended before it made one. */
import type { Damage } from "../../stages/store/damage.ts"
import type { SnapshotRecord } from "./snapshot.ts"

/** The records of whole logs that no snapshot has. */
export const unnamedLogs = (
  ended: Iterable<SnapshotRecord>,
  snapshots: ReadonlyArray<{ readonly record: SnapshotRecord }>,
): ReadonlyArray<SnapshotRecord> => {
  const named = new Set(snapshots.map(({ record }) => record.id))
  return [...ended].filter(({ id }) => !named.has(id))
}

/** Adds them to what is wrong. */
export const addUnnamed = (damage: Damage, logs: ReadonlyArray<SnapshotRecord>): void => {
  for (const { id, time } of logs) {
    const short = id.slice(0, 8)
    const made = Number.isFinite(new Date(time).getTime()) ? ` of ${new Date(time).toISOString()}` : ""
    damage.add(
      `snapshot ${short}`,
      `Snapshot ${short}${made} is not in INDEX, and its log is whole: unless its backup is still running, ` +
        '"penstock rebuild" makes it a snapshot again',
    )
  }
}
