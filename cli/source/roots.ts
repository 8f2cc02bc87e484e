/** The PATH arguments of a backup, as one stream of entries. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { basename, join, resolve, sep } from "node:path"
import type { Problem } from "../../formats/repository.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import type { SourceError } from "../../stages/walk/errors.ts"
import { displayPath, displayText, joinPath } from "../../stages/walk/path.ts"
import type { Source, WalkOptions } from "../../stages/walk/source.ts"
import { UsageError } from "../process/usage_error.ts"
import { pathsOf, pathWithin } from "../repository/location.ts"
import { escaped } from "../selection/pattern.ts"
import type { Excludes } from "./excludes.ts"
import { rootKind } from "./root_kind.ts"

/** Where a backup starts. */
export interface Root {
  /** Absolute, as recorded in the snapshot. */
  readonly path: string
  /** The path that is walked: the file itself if `path` is a symlink to one. */
  readonly from: string
  /** The name under which its entries are in the snapshot. `""` if it is the only root. */
  readonly under: string
  readonly ignore: ReadonlyArray<string>
}

/** The roots that PATH arguments name, and what to tell the user about them. */
export interface Roots {
  readonly roots: ReadonlyArray<Root>
  readonly remarks: ReadonlyArray<string>
  /** Roots that are stored without their content. */
  readonly problems: ReadonlyArray<Problem>
}

/**
 * Makes the paths absolute and names them. Leaves out the repository and the cache of the command if they lie within
 * one of them. Fails with {@link UsageError} if two have the same name, if one is the repository itself, or if nothing
 * is left to back up.
 */
export const rootsOf = (
  paths: ReadonlyArray<string>,
  excludes: Excludes,
  repository: string,
  cache?: string,
): Effect.Effect<Roots, UsageError> =>
  Effect.suspend(() => {
    const refuse = (message: string) => Effect.fail(new UsageError({ message }))
    const absolute = [...new Set(paths.map((path) => resolve(path)))]
    const several = absolute.length > 1
    const names = new Map<string, string>()
    const remarks: Array<string> = []
    const problems: Array<Problem> = []
    const roots: Array<Root> = []
    const stores = pathsOf(repository)
    let empty = 0
    let missing = 0
    for (const path of absolute) {
      const name = basename(path)
      const other = names.get(name)
      if (several && (name === "" || other !== undefined)) {
        return refuse(
          name === ""
            ? `${path} has no name for its files to be under: back it up alone`
            : `${other} and ${path} would both be "${name}" in the snapshot: ` +
              "back them up one at a time, or a directory above them",
        )
      }
      names.set(name, path)
      const what = rootKind(path)
      if (what.kind === "stream") return refuse(what.message)
      if (what.kind === "bare") problems.push({ path: name, message: what.message })
      if (what.kind === "missing") missing += 1
      const inside = stores.map((store) => pathWithin(store, path)).filter((inside) => inside !== undefined)
      if (inside.includes("")) return refuse(`${path} is the repository itself: name what to back up`)
      if (inside.length > 0) remarks.push(`Leaving out ${displayPath(join(path, inside[0]!))}: it is the repository`)
      const cached = cache === undefined || !existsSync(cache) ? undefined : pathWithin(resolve(cache), path)
      if (cached !== undefined && cached !== "") {
        remarks.push(`Leaving out ${displayPath(join(path, cached))}: it is the cache`)
        inside.push(cached)
      }
      const { all, rules } = excludes.beneath(path)
      if (all !== undefined && what.kind === "directory") {
        remarks.push(`Leaving out everything in ${displayPath(path)}: it matches --exclude ${displayText(all)}`)
        empty += 1
      }
      roots.push({
        path,
        from: what.kind === "file" ? what.file : path,
        under: several ? name : "",
        ignore: [...rules, ...inside.flatMap((path) => patternsOf(path.split(sep).join("/")))],
      })
    }
    if (several && missing === roots.length) {
      return refuse(`None of the paths to back up exists: ${absolute.map(displayPath).join(", ")}`)
    }
    return empty === roots.length
      ? refuse(`Nothing is left to back up. ${remarks.at(-1)}`)
      : Effect.succeed({ roots, remarks, problems })
  })

/**
 * The entries of all roots, one root after the other. If one of several roots cannot be read, it becomes an entry of
 * the kind `unreadable`; if the only one cannot be read, the stream fails. `left` is told what a pattern left out of a
 * root.
 */
export const entriesOf = (
  source: Source,
  roots: ReadonlyArray<Root>,
  walk: Omit<WalkOptions, "ignore" | "leftOut">,
  left: (root: Root, ...args: Parameters<NonNullable<WalkOptions["leftOut"]>>) => void,
): Stream.Stream<Entry, SourceError> => {
  const streams = roots.map((root) => {
    const { from, ignore, path, under } = root
    const walked = source.entries(from, { ...walk, ignore, leftOut: (...args) => left(root, ...args) })
    // A single file is named after the path that was walked.
    const entries = from === path ? walked : Stream.map(walked, (entry) => ({ ...entry, path: basename(path) }))
    return under === "" ? entries : entries.pipe(
      (entries) => placed(entries, under),
      Stream.catch((error: SourceError) =>
        Stream.make<[Entry]>({ path: under, kind: "unreadable", metadata: {}, size: 0, problem: error.message })
      ),
    )
  })
  return streams.reduce((all, next) => Stream.concat(all, next))
}

/** Puts entries under a name. A root that is a single file has that name already. */
const placed = <E>(entries: Stream.Stream<Entry, E>, under: string): Stream.Stream<Entry, E> =>
  Stream.suspend(() => {
    let directory: boolean | undefined
    return Stream.map(entries, (entry) => {
      directory ??= entry.path === ""
      if (!directory) return entry
      const path = joinPath(under, entry.path)
      return entry.linkTo === undefined ? { ...entry, path } : { ...entry, path, linkTo: joinPath(under, entry.linkTo) }
    })
  })

/** Patterns for a repository, and for the new version of one that is a file, which is written beside the old one. */
const patternsOf = (inside: string): ReadonlyArray<string> => {
  const path = `/${escaped(inside)}`
  return [path, `${path.replace(/[^/]*$/, ".$&")}.????????-????-????-????-????????????.part`]
}
