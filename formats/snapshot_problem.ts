/** What no record of a snapshot can hold. */
import { PATH_MAXIMUM } from "../stages/walk/path.ts"
import type { SnapshotInfo } from "./repository.ts"

/** The furthest that a date can be from 1970, in milliseconds. */
const TIME_MAXIMUM = 8.64e15
/** The longest name of a host, a user or a tag, in UTF-16 units. */
const NAME_MAXIMUM = 4096
/** The most that the names and paths of a snapshot have together, in UTF-16 units. */
const TEXT_MAXIMUM = 4 << 20

/**
 * What is wrong with the record of a snapshot: words that go on after its name; undefined when nothing is. Formats call
 * a record damaged that has such a problem when they read it, so that one bad record costs one snapshot. They write no
 * such record.
 *
 * @example Refuse a record that was read
 * ```ts
 * import { corrupt, snapshotProblem } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const record = { id: "ab".repeat(32), time: 1e16, hostname: "laptop", username: "", paths: ["/home"], tags: [] }
 * const problem = snapshotProblem(record)
 * const { message } = corrupt("00.idx", `00.idx ${problem}`)
 * assert.equal(message, "00.idx has a time that no date can have")
 * ```
 */
export const snapshotProblem = (
  { bytes, directories, files, hostname, id, original, parent, paths, tags, time, username }: SnapshotInfo,
): string | undefined => {
  for (const one of [id, parent, original]) {
    if (one !== undefined && !/^[0-9a-f]{8,128}$/.test(one)) return "has an ID that is not 8 to 128 hexadecimal digits"
  }
  if (!Number.isSafeInteger(time) || Math.abs(time) > TIME_MAXIMUM) return "has a time that no date can have"
  for (const count of [files, directories, bytes]) {
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0)) {
      return "has a count that is no natural number"
    }
  }
  const names = [hostname, username, ...tags]
  if (names.some((name) => name.length > NAME_MAXIMUM)) return `has a name of more than ${NAME_MAXIMUM} characters`
  if (paths.some((path) => path.length > PATH_MAXIMUM)) return `has a path of more than ${PATH_MAXIMUM} characters`
  const text = [...names, ...paths].reduce((sum, { length }) => sum + length + 4, 0)
  return text > TEXT_MAXIMUM ? `has names and paths of more than ${TEXT_MAXIMUM} characters` : undefined
}
