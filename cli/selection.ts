/** What part of a snapshot is meant: subtrees and patterns, matched against the paths in it. */
import ignore from "ignore"
import type { SnapshotInfo } from "../formats/format.ts"
import type { Entry, EntryKind } from "../stages/walk/entry.ts"
import { baseName, joinPath, parentPath } from "../stages/walk/path.ts"

/** Says which entries of a snapshot are wanted. */
export interface Selection {
  /** False when everything is wanted. */
  readonly partial: boolean
  /** Whether the entry itself is wanted. */
  readonly wanted: (path: string, kind: EntryKind) => boolean
  /** False when neither the entry nor anything beneath it can be wanted. Without `kind`, for an entry of any kind. */
  readonly reaches: (path: string, kind?: EntryKind) => boolean
}

/**
 * A path that a user gave, as a path in the snapshot: absolute paths beneath what was backed up are made relative to it,
 * any other leading `/` stands for the root of the snapshot.
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

/** The entries beneath any of `subtrees` (all, when there are none) that match any of `globs` (all, when there are none). */
export const selection = (
  subtrees: ReadonlyArray<string>,
  globs: ReadonlyArray<string>,
  snapshot: Pick<SnapshotInfo, "paths">,
): Selection => {
  const tops = subtrees.map((path) => snapshotPath(path, snapshot))
  const patterns = globs.map((glob) => glob.startsWith("/") ? `/${snapshotPath(glob, snapshot)}${slashOf(glob)}` : glob)
  const matcher = ignore({ ignorecase: false, allowRelativePaths: true }).add(patterns)
  const all = tops.length === 0 || tops.includes("")
  const inTops = (path: string): boolean => all || tops.some((top) => path === top || path.startsWith(`${top}/`))
  const matches = (path: string, kind: EntryKind): boolean =>
    globs.length === 0 || (path !== "" && matcher.ignores(kind === "directory" ? `${path}/` : path))
  return {
    partial: !all || globs.length > 0,
    wanted: (path, kind) => inTops(path) && matches(path, kind),
    reaches: (path, kind) =>
      kind === undefined || kind === "directory"
        ? inTops(path) || path === "" || tops.some((top) => top.startsWith(`${path}/`))
        : inTops(path) && matches(path, kind),
  }
}

const slashOf = (glob: string): string => glob.endsWith("/") ? "/" : ""

/**
 * Keeps the wanted entries of a depth-first stream, with the directories that lead to them. Give it the arrays one by one.
 * A hard link to a file that is left out becomes a file of its own.
 */
export const selector = (selection: Selection): (entries: ReadonlyArray<Entry>) => ReadonlyArray<Entry> => {
  if (!selection.partial) return (entries) => entries
  /** Directories not emitted so far, outermost first; each is the parent of the next. */
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
  if (entry.linkTo === undefined || wanted(entry.linkTo, "file")) return entry
  const { linkTo: _, ...alone } = entry
  return alone
}
