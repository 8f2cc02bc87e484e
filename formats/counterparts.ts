/** Which snapshots of two repositories are the same. */
import type { SnapshotInfo } from "./repository.ts"

/**
 * Finds the snapshots of another repository that are the same as those of this one: of the same time, host and paths,
 * as far as the other repository keeps them. Where several fit, the numbers of files and bytes decide. Gives them by
 * the ID of the source. No snapshot is the counterpart of two, and where it is not certain there is none.
 */
export const counterparts = (
  sources: ReadonlyArray<SnapshotInfo>,
  targets: ReadonlyArray<SnapshotInfo>,
): ReadonlyMap<string, SnapshotInfo> => {
  const found = new Map<string, SnapshotInfo>()
  for (const target of targets) {
    const fitting = sources.filter((source) => isSameTime(source, target) && hasSameDetails(source, target))
    const source = fitting.length === 1 ? fitting[0] : fitting
      .filter(({ bytes, files, id }) => !found.has(id) && files === target.files && bytes === target.bytes)
      .sort((a, b) => Number(b.time === target.time) - Number(a.time === target.time))[0]
    if (source !== undefined && !found.has(source.id)) found.set(source.id, target)
  }
  return found
}

/** Some formats keep whole seconds. Where no time is kept, nothing tells whether two snapshots are the same. */
const isSameTime = (source: SnapshotInfo, target: SnapshotInfo): boolean =>
  !isTimeless(source) && !isTimeless(target) &&
  (source.time === target.time || Math.floor(source.time / 1000) * 1000 === target.time)

/** Whether the time of a snapshot is not known. */
export const isTimeless = ({ time }: SnapshotInfo): boolean => time === 0

/** Host and paths are empty where a target does not keep them. */
const hasSameDetails = (source: SnapshotInfo, target: SnapshotInfo): boolean =>
  (target.hostname === "" || target.hostname === source.hostname) &&
  (target.paths.length === 0 ||
    (target.paths.length === source.paths.length && target.paths.every((path, i) => path === source.paths[i])))
