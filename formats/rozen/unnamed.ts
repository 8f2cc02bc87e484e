/** Snapshots that have a whole log and no object in INDEX: that object is lost, or its run ended before it made one. */
import type { Damage } from "../../stages/store/damage.ts"
import type { SnapshotRecord } from "./snapshot.ts"

/**
 * The records of whole logs that no snapshot has. One is left out when a later run of the same host and paths started
 * from the same parent, and none from it: then the run of the log was stopped, and run again.
 */
export const unnamedLogs = (
  ended: Iterable<SnapshotRecord>,
  snapshots: ReadonlyArray<{ readonly record: SnapshotRecord }>,
): ReadonlyArray<SnapshotRecord> =>
  [...ended].filter((log) => {
    if (snapshots.some(({ record }) => record.id === log.id)) return false
    if (snapshots.some(({ record }) => record.parent === log.id)) return true
    return !snapshots.some(({ record }) =>
      record.parent === log.parent && record.started >= log.started && groupOf(record) === groupOf(log)
    )
  })

const groupOf = ({ hostname, paths }: SnapshotRecord): string => JSON.stringify([hostname, paths])

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
