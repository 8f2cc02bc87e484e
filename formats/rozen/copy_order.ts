/** Which snapshots of a source help to copy another: what has much in common with it. */
import type { SnapshotObject } from "./snapshot.ts"

/** The ID of the snapshot that was first, of which all others are copies. */
export const originOf = ({ record }: SnapshotObject): string => record.original ?? record.id

/** Snapshots of the same host and paths share it. */
const groupOf = ({ record: { hostname, paths } }: SnapshotObject): string => JSON.stringify([hostname, paths])

/**
 * The snapshot of `all` that most likely has the most in common with another: that one itself, when there is a copy of
 * it that is not whole; else its parent; else the one of the same host and paths at the nearest time.
 */
export const nearestTo = (of: SnapshotObject, all: ReadonlyArray<SnapshotObject>): SnapshotObject | undefined => {
  const certain = all.find((one) => one === of) ?? all.find(({ record }) => record.id === of.record.parent)
  if (certain !== undefined) return certain
  const away = ({ record }: SnapshotObject): number => Math.abs(record.time - of.record.time)
  const group = groupOf(of)
  return all.filter((one) => groupOf(one) === group).sort((a, b) => away(a) - away(b))[0]
}

/**
 * The snapshots that tell the names of most chunks of another: the nearest, and the newest of each host and paths.
 * `all` is sorted by time.
 */
export const teachersOf = (of: SnapshotObject, all: ReadonlyArray<SnapshotObject>): Iterable<SnapshotObject> => {
  const newest = new Map(all.map((one) => [groupOf(one), one])).values()
  const nearest = nearestTo(of, all)
  return new Set(nearest === undefined ? newest : [nearest, ...newest])
}
