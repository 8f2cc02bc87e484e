/** Selects a part of a snapshot by subtrees and patterns. */
import * as Effect from "effect/Effect"
import type { SnapshotInfo } from "../../formats/repository.ts"
import type { Entry, EntryKind } from "../../stages/walk/entry.ts"
import { type Excludes, makeExcludes } from "../../stages/walk/ignore.ts"
import { baseName, displayText, joinPath, parentPath, unquotePath } from "../../stages/walk/path.ts"
import { UsageError } from "../process/usage_error.ts"
import { parsePattern, type Pattern, patternAt, patternPlace, type Place } from "./pattern.ts"

/** Says which entries of a snapshot are wanted. */
export interface Selection {
  /** False if everything is wanted. */
  readonly partial: boolean
  /** Whether the entry itself is wanted. */
  readonly wanted: (path: string, kind: EntryKind) => boolean
  /** False if neither the entry nor anything beneath it can be wanted. Without `kind`, the entry may be of any kind. */
  readonly reaches: (path: string, kind?: EntryKind) => boolean
  /**
   * The subtrees and patterns that matched no entry that `wanted` was asked about. `what` names one in a message.
   */
  readonly unmatched: () => ReadonlyArray<{ readonly given: string; readonly what: string }>
}

/**
 * Turns a path that a user gave into a path in the snapshot. An absolute path beneath a backed-up path is made relative
 * to it. Any other leading `/` stands for the top of the snapshot.
 */
export const snapshotPath = (given: string, snapshot: Pick<SnapshotInfo, "paths">): string => {
  const clean = given.split("/").filter((part) => part !== "" && part !== ".").join("/")
  if (!given.startsWith("/")) return clean
  for (const root of snapshot.paths) {
    const top = root.split("/").filter((part) => part !== "").join("/")
    const within = clean === top ? "" : clean.startsWith(`${top}/`) ? clean.slice(top.length + 1) : undefined
    if (top === "" || within === undefined) continue
    return snapshot.paths.length === 1 ? within : joinPath(baseName(top), within)
  }
  return clean
}

/**
 * Selects the entries that are beneath any of `subtrees` and match any of `globs`. An empty list selects all. Both take
 * names as they are printed, with `\xNN` for a byte. Globs mean the same as in a backup of the same paths. Those that
 * begin with a `/` may also begin at the top of the snapshot. Fails with {@link UsageError} if a glob cannot match
 * anything. With `ignoreCase`, letter case does not count.
 */
export const makeSelection = (
  subtrees: ReadonlyArray<string>,
  globs: ReadonlyArray<string>,
  snapshot: Pick<SnapshotInfo, "paths">,
  ignoreCase = false,
): Effect.Effect<Selection, UsageError> =>
  Effect.suspend(() => {
    const patterns: Array<Pattern> = []
    for (const glob of globs) {
      const pattern = parsePattern(glob)
      if (typeof pattern === "string") return Effect.fail(new UsageError({ message: pattern }))
      patterns.push(ignoreCase ? { ...pattern, parts: pattern.parts.map(lower) } : pattern)
    }
    return Effect.succeed(
      ignoreCase
        ? inLowerCase(select(subtrees.map(lower), patterns, { paths: snapshot.paths.map(lower) }))
        : select(subtrees, patterns, snapshot),
    )
  })

const lower = (text: string): string => text.toLowerCase()

/** A selection by patterns in lower case, for names in any. */
const inLowerCase = ({ reaches, wanted, ...rest }: Selection): Selection => ({
  ...rest,
  wanted: (path, kind) => wanted(lower(path), kind),
  reaches: (path, kind) => reaches(lower(path), kind),
})

const select = (
  subtrees: ReadonlyArray<string>,
  patterns: ReadonlyArray<Pattern>,
  snapshot: Pick<SnapshotInfo, "paths">,
): Selection => {
  const tops = new Map(subtrees.map((given) => [given, snapshotPath(unquotePath(given), snapshot)]))
  const places = placesIn(snapshot)
  const rules = (pattern: Pattern): ReadonlyArray<string> => [
    ...new Set(places.flatMap((place) => patternAt(pattern, place).rules)),
  ]
  const matcher = makeExcludes(patterns.flatMap(rules))
  const all = tops.size === 0 || [...tops.values()].includes("")
  const isIn = (path: string, top: string): boolean => top === "" || path === top || path.startsWith(`${top}/`)
  const inTops = (path: string): boolean => all || [...tops.values()].some((top) => isIn(path, top))
  const matchedBy = (matcher: Excludes | undefined, path: string, kind: EntryKind): boolean =>
    path !== "" && matcher?.(path, kind === "directory") === true
  const matches = (path: string, kind: EntryKind): boolean => matcher === undefined || matchedBy(matcher, path, kind)
  // The top of the snapshot always matches, even if the snapshot is empty.
  const unusedTops = new Map([...tops].filter(([, top]) => top !== ""))
  const unusedPatterns = new Map(
    patterns.filter(({ negated }) => !negated).map((pattern) => [
      pattern.given,
      makeExcludes(rules(pattern)),
    ]),
  )
  return {
    partial: !all || patterns.length > 0,
    wanted: (path, kind) => {
      if (!inTops(path)) return false
      for (const [given, top] of unusedTops) if (isIn(path, top)) unusedTops.delete(given)
      if (!matches(path, kind)) return false
      for (const [given, own] of unusedPatterns) if (matchedBy(own, path, kind)) unusedPatterns.delete(given)
      return true
    },
    reaches: (path, kind) =>
      kind === undefined || kind === "directory"
        ? inTops(path) || path === "" || [...tops.values()].some((top) => top.startsWith(`${path}/`))
        : inTops(path) && matches(path, kind),
    unmatched: () => [
      ...[...unusedTops.keys()].map((given) => ({ given, what: `"${displayText(given)}"` })),
      ...[...unusedPatterns.keys()].map((given) => ({ given, what: `--include ${displayText(given)}` })),
    ],
  }
}

/** Where patterns are matched: in each backed-up path, and from the top of the snapshot. */
const placesIn = ({ paths }: Pick<SnapshotInfo, "paths">): ReadonlyArray<Place> => [
  { names: [], under: "" },
  ...paths.map((path) => {
    const place = patternPlace(path, "")
    return paths.length === 1 ? place : { ...place, under: place.names.at(-1) ?? "" }
  }),
]

/**
 * Filters the arrays of a depth-first stream, one after the other: keeps the wanted entries and the directories above
 * them. A hard link to a file that is left out becomes a file of its own.
 */
export const makeSelector = (selection: Selection): (entries: ReadonlyArray<Entry>) => ReadonlyArray<Entry> => {
  if (!selection.partial) {
    return (entries) => {
      // Everything is wanted, but paths may be named as well: asking notes which of them exist.
      for (const { kind, path } of entries) selection.wanted(path, kind)
      return entries
    }
  }
  /** Directories that are not given out yet, outermost first. Each is the parent of the next. */
  let waiting: Array<Entry> = []
  return (entries) => {
    const out: Array<Entry> = []
    for (const entry of entries) {
      const parent = parentPath(entry.path)
      while (waiting.length > 0) {
        const last = waiting.at(-1)!.path
        if (last === "" || parent === last || parent.startsWith(`${last}/`)) break
        waiting.pop()
      }
      if (selection.wanted(entry.path, entry.kind)) {
        out.push(...waiting, unlinked(entry, selection))
        waiting = []
      } else if (entry.kind === "directory") waiting.push(entry)
    }
    return out
  }
}

const unlinked = (entry: Entry, { wanted }: Selection): Entry => {
  if (entry.linkTo === undefined || wanted(entry.linkTo, entry.kind)) return entry
  const { linkTo: _, ...alone } = entry
  return alone
}
