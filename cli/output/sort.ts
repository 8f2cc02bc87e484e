/** Sorts a listing. */
import type { Entry } from "../../stages/walk/entry.ts"
import { compareEntries } from "../../stages/walk/entry_order.ts"
import { baseName } from "../../stages/walk/path.ts"

/** What a listing can be sorted by. */
export const SORT_KEYS = ["name", "size", "time", "extension"] as const

/** What a listing is sorted by. */
export type SortKey = typeof SORT_KEYS[number]

const byName = compareEntries("by-name")

/** Everything behind the last dot of a name. */
const extensionOf = ({ path }: Entry): string => {
  const name = baseName(path)
  const dot = name.lastIndexOf(".")
  return dot < 0 ? "" : name.slice(dot)
}

const compare = <A extends string | number | bigint>(a: A, b: A): number => a < b ? -1 : a > b ? 1 : 0

const COMPARE: Readonly<Record<SortKey, (a: Entry, b: Entry) => number>> = {
  name: () => 0,
  size: (a, b) => compare(a.size ?? 0, b.size ?? 0),
  time: (a, b) => compare(a.metadata.mtime ?? 0n, b.metadata.mtime ?? 0n),
  extension: (a, b) => compare(extensionOf(a), extensionOf(b)),
}

/** Sorts entries: the least first, and those that are the same by their paths. */
export const sorted = (entries: ReadonlyArray<Entry>, key: SortKey): ReadonlyArray<Entry> =>
  entries.toSorted((a, b) => COMPARE[key](a, b) || byName(a, b))
