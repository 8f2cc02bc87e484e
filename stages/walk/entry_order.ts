/** The orders in which depth-first streams give the entries of a directory. */
import type { Entry } from "./entry.ts"
import { compareNames } from "./order.ts"

/**
 * `files-first`: what is not a directory, then the directories, each by the bytes of their names. It is the order of a
 * walk. `by-name`: all by the bytes of their names.
 */
export type EntryOrder = "files-first" | "by-name"

/** All orders. */
export const ENTRY_ORDERS: ReadonlyArray<EntryOrder> = ["files-first", "by-name"]

/** Compares two entries of depth-first streams: negative if the first comes first, 0 if they have the same place. */
export const compareEntries = (
  order: EntryOrder,
): (a: Pick<Entry, "path" | "kind">, b: Pick<Entry, "path" | "kind">) => number =>
(a, b) => {
  const [one, other] = [a.path, b.path]
  const shorter = Math.min(one.length, other.length)
  let at = 0
  while (at < shorter && one.charCodeAt(at) === other.charCodeAt(at)) at++
  if (at === one.length && at === other.length) {
    return order === "by-name" ? 0 : Number(a.kind === "directory") - Number(b.kind === "directory")
  }
  if (at === one.length && (at === 0 || other[at] === "/")) return -1
  if (at === other.length && (at === 0 || one[at] === "/")) return 1
  if (order === "files-first") {
    const beneath = one.indexOf("/", at) >= 0 || a.kind === "directory"
    if (beneath !== (other.indexOf("/", at) >= 0 || b.kind === "directory")) return beneath ? 1 : -1
  }
  const start = one.lastIndexOf("/", at - 1) + 1
  return compareNames(nameFrom(one, start), nameFrom(other, start))
}

const nameFrom = (path: string, start: number): string => {
  const end = path.indexOf("/", start)
  return path.slice(start, end < 0 ? undefined : end)
}
