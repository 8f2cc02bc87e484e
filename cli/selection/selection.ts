/** Selects a part of a snapshot by subtrees and patterns. */
import * as Effect from "effect/Effect"
import type { SnapshotInfo } from "../../formats/repository.ts"
import type { Entry, EntryKind } from "../../stages/walk/entry.ts"
import { makeExcludes } from "../../stages/walk/ignore.ts"
import { baseName, displayText, joinPath, parentPath, unquotePath } from "../../stages/walk/path.ts"
import { UsageError } from "../process/usage_error.ts"
import { parsePattern, type Pattern, patternAt, patternPlace, type Place } from "./pattern.ts"

/** Says which entries of a snapshot are wanted. */
export interface Selection {
  /** False if everything is wanted. */
  readonly partial: boolean
  /** Whether an entry is wanted. */
  readonly selects: (path: string, kind: EntryKind) => boolean
  /** The same. It notes what matched; see `unmatched`. */
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

/** Patterns, as they were given. Those of `iinclude` and `iexclude` match letters of any case. */
export interface Globs {
  /** Only what matches any of these is wanted; all, if both lists are empty. */
  readonly include?: ReadonlyArray<string>
  readonly iinclude?: ReadonlyArray<string>
  /** What matches any of these is not wanted, nor is anything beneath it. */
  readonly exclude?: ReadonlyArray<string>
  readonly iexclude?: ReadonlyArray<string>
}

/**
 * Selects the entries that are beneath any of `subtrees` and match the globs. An empty list of subtrees selects all.
 * Both take names as they are printed, with `\xNN` for a byte. Globs mean the same as in a backup of the same paths.
 * Those that begin with a `/` may also begin at the top of the snapshot. Fails with {@link UsageError} if a glob cannot
 * match anything.
 */
export const makeSelection = (
  subtrees: ReadonlyArray<string>,
  { exclude = [], iexclude = [], iinclude = [], include = [] }: Globs,
  snapshot: Pick<SnapshotInfo, "paths">,
): Effect.Effect<Selection, UsageError> =>
  Effect.suspend(() => {
    const problems: Array<string> = []
    const parse = (globs: ReadonlyArray<string>, anyCase: boolean): ReadonlyArray<Pattern> =>
      globs.flatMap((glob) => {
        const pattern = parsePattern(glob, [], anyCase)
        if (typeof pattern !== "string") return [pattern]
        problems.push(pattern)
        return []
      })
    const included = [...parse(include, false), ...parse(iinclude, true)]
    const excluded = [...parse(exclude, false), ...parse(iexclude, true)]
    if (problems.length > 0) return Effect.fail(new UsageError({ message: problems[0]! }))
    return Effect.succeed(select(subtrees, included, excluded, snapshot))
  })

const select = (
  subtrees: ReadonlyArray<string>,
  included: ReadonlyArray<Pattern>,
  excluded: ReadonlyArray<Pattern>,
  snapshot: Pick<SnapshotInfo, "paths">,
): Selection => {
  const tops = new Map(subtrees.map((given) => [given, snapshotPath(unquotePath(given), snapshot)]))
  const places = placesIn(snapshot)
  const includes = matcherOf(included, places)
  const excludes = matcherOf(excluded, places)
  const all = tops.size === 0 || [...tops.values()].includes("")
  const isIn = (path: string, top: string): boolean => top === "" || path === top || path.startsWith(`${top}/`)
  const inTops = (path: string): boolean => all || [...tops.values()].some((top) => isIn(path, top))
  const matches = (path: string, kind: EntryKind): boolean =>
    (includes === undefined || includes(path, kind)) && excludes?.(path, kind) !== true
  // The top of the snapshot always matches, even if the snapshot is empty.
  const unusedTops = new Map([...tops].filter(([, top]) => top !== ""))
  const unusedPatterns = new Map(
    included.filter(({ negated }) => !negated).map((pattern) => [pattern, matcherOf([pattern], places)!]),
  )
  return {
    partial: !all || included.length > 0 || excluded.length > 0,
    selects: (path, kind) => inTops(path) && matches(path, kind),
    wanted: (path, kind) => {
      if (!inTops(path)) return false
      for (const [given, top] of unusedTops) if (isIn(path, top)) unusedTops.delete(given)
      if (!matches(path, kind)) return false
      for (const [pattern, own] of unusedPatterns) if (own(path, kind)) unusedPatterns.delete(pattern)
      return true
    },
    reaches: (path, kind) => {
      // What is left out as a file is left out as anything else, too.
      if (excludes?.(path, kind ?? "file") === true) return false
      return kind === undefined || kind === "directory"
        ? inTops(path) || path === "" || [...tops.values()].some((top) => top.startsWith(`${path}/`))
        : inTops(path) && matches(path, kind)
    },
    unmatched: () => [
      ...[...unusedTops.keys()].map((given) => ({ given, what: `"${displayText(given)}"` })),
      ...[...unusedPatterns.keys()].map(({ anyCase, given }) => ({
        given,
        what: `--${anyCase ? "iinclude" : "include"} ${displayText(given)}`,
      })),
    ],
  }
}

/** Whether any of the patterns matches a path. The top itself never does. Undefined without patterns. */
const matcherOf = (
  patterns: ReadonlyArray<Pattern>,
  places: ReadonlyArray<Place>,
): ((path: string, kind: EntryKind) => boolean) | undefined => {
  if (patterns.length === 0) return undefined
  const matchers = [false, true].map((wanted) => {
    const rules = patterns.filter(({ anyCase }) => anyCase === wanted)
      .flatMap((pattern) => [...new Set(places.flatMap((place) => patternAt(pattern, place).rules))])
    return makeExcludes(rules, { anyCase: wanted })
  })
  return (path, kind) => path !== "" && matchers.some((matcher) => matcher?.(path, kind === "directory") === true)
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
