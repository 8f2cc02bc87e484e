/** What no record of a snapshot can say. */
import { PATH_MAXIMUM } from "../stages/walk/path.ts"
import type { SnapshotInfo } from "./repository.ts"

/** The furthest that a date can be from 1970, in milliseconds. */
const TIME_MAXIMUM = 8.64e15
/** Longest name of a host, a user or a tag, in UTF-16 units. */
const NAME_MAXIMUM = 4096
/** Most that the names and paths of a snapshot have together. */
const TEXT_MAXIMUM = 4 << 20

/**
 * What is wrong with what is known of a snapshot: words that go on after its name; undefined when nothing is. What is
 * read is damaged then, so that one bad record costs one snapshot; nothing like it is written.
 */
export const snapshotProblem = (
  { bytes, directories, files, hostname, id, original, parent, paths, tags, time, username }: SnapshotInfo,
): string | undefined => {
  for (const one of [id, parent, original]) {
    if (one !== undefined && !/^[0-9a-f]{8,128}$/.test(one)) return "has an ID that is not one"
  }
  if (!Number.isSafeInteger(time) || Math.abs(time) > TIME_MAXIMUM) return "has a time that no date can have"
  for (const count of [files, directories, bytes]) {
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0)) return "counts what cannot be"
  }
  const names = [hostname, username, ...tags]
  if (names.some((name) => name.length > NAME_MAXIMUM)) return `has a name of more than ${NAME_MAXIMUM} characters`
  if (paths.some((path) => path.length > PATH_MAXIMUM)) return `has a path of more than ${PATH_MAXIMUM} characters`
  const text = [...names, ...paths].reduce((sum, { length }) => sum + length + 4, 0)
  return text > TEXT_MAXIMUM ? `has names and paths of more than ${TEXT_MAXIMUM} characters` : undefined
}
