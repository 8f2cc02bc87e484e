/** The PATH arguments of a backup, as one stream of entries. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { existsSync, realpathSync, statSync } from "node:fs"
import { basename, dirname, join, relative, resolve, sep } from "node:path"
import { fileURLToPath } from "node:url"
import type { Entry } from "../stages/walk/entry.ts"
import { joinPath } from "../stages/walk/path.ts"
import type { Source, SourceError, WalkOptions } from "../stages/walk/source.ts"
import { UsageError } from "./error.ts"

/** Where a backup starts. */
export interface Root {
  /** Absolute. */
  readonly path: string
  /** What its entries are under in the snapshot; `""` when it is the only root. */
  readonly under: string
  readonly ignore: ReadonlyArray<string>
}

/** The roots that PATH arguments name, and what to tell the user about them. */
export interface Roots {
  readonly roots: ReadonlyArray<Root>
  readonly remarks: ReadonlyArray<string>
}

/**
 * Makes the paths absolute, names them, and leaves the repository, and the cache of the command, out when they lie within one of them.
 * Fails with {@link UsageError} when two have the same name, or one is the repository itself.
 */
export const rootsOf = (
  paths: ReadonlyArray<string>,
  patterns: ReadonlyArray<string>,
  repository: string,
  cache?: string,
): Effect.Effect<Roots, UsageError> =>
  Effect.suspend(() => {
    const absolute = [...new Set(paths.map((path) => resolve(path)))]
    const several = absolute.length > 1
    const names = new Map<string, string>()
    const remarks: Array<string> = []
    const roots: Array<Root> = []
    const stores = filesOf(repository)
    for (const path of absolute) {
      const name = basename(path)
      const other = names.get(name)
      if (several && (name === "" || other !== undefined)) {
        return Effect.fail(
          new UsageError({
            message: name === ""
              ? `${path} has no name that its files could be under; back it up alone`
              : `${other} and ${path} would both be "${name}" in the snapshot; back them up one at a time, or a directory above them`,
          }),
        )
      }
      names.set(name, path)
      const inside = stores.map((store) => within(store, path)).filter((inside) => inside !== undefined)
      if (inside.includes("")) {
        return Effect.fail(new UsageError({ message: `${path} is the repository itself; name what to back up` }))
      }
      if (inside.length > 0) remarks.push(`Leaving out ${join(path, inside[0]!)}: it is the repository`)
      const cached = cache === undefined || !existsSync(cache) ? undefined : within(resolve(cache), path)
      if (cached !== undefined && cached !== "") {
        remarks.push(`Leaving out ${join(path, cached)}: it is the cache`)
        inside.push(cached)
      }
      roots.push({
        path,
        under: several ? name : "",
        ignore: [
          ...patterns.map((pattern) => relativePattern(pattern, path)),
          ...inside.flatMap((path) => patternsOf(path.split(sep).join("/"))),
        ],
      })
    }
    return Effect.succeed({ roots, remarks })
  })

/**
 * The entries of all roots, one root after the other. With several roots, one that cannot be read is an entry of kind
 * `unreadable`; a single one fails the stream.
 */
export const entriesOf = (
  source: Source,
  roots: ReadonlyArray<Root>,
  walk: Omit<WalkOptions, "ignore">,
): Stream.Stream<Entry, SourceError> => {
  const streams = roots.map((root) => {
    const entries = source.entries(root.path, { ...walk, ignore: root.ignore })
    return root.under === "" ? entries : entries.pipe(
      (entries) => placed(entries, root.under),
      Stream.catch((error: SourceError) =>
        Stream.make<[Entry]>({ path: root.under, kind: "unreadable", metadata: {}, size: 0, problem: error.message })
      ),
    )
  })
  return streams.reduce((all, next) => Stream.concat(all, next))
}

/** Entries under a name; those of a root that is a single file have that name already. */
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

/** A pattern that starts with the absolute path of the root is meant relative to it: shells expand `~/x` to that. */
const relativePattern = (pattern: string, root: string): string => {
  const negated = pattern.startsWith("!") ? "!" : ""
  const rest = pattern.slice(negated.length)
  return root !== sep && rest.startsWith(`${root}/`) ? negated + rest.slice(root.length) : pattern
}

/** The pattern in gitignore syntax that matches this text only. */
const escapePattern = (text: string): string => text.replace(/[\\*?[\] ]/g, "\\$&")

/** Path of a repository on this machine; undefined for any other. */
export const localPath = (location: string): string | undefined => {
  if (location.startsWith("file:")) {
    try {
      return fileURLToPath(location)
    } catch {
      return undefined
    }
  }
  return /^[a-z][a-z0-9+.-]+:/i.test(location) ? undefined : resolve(location)
}

/** Matches a repository, and the new version of one that is a file, as it is written beside the old one. */
const patternsOf = (inside: string): ReadonlyArray<string> => {
  const path = `/${escapePattern(inside)}`
  return [path, `${path.replace(/[^/]*$/, ".$&")}.????????-????-????-????-????????????.part`]
}

/** Where a repository lies on this machine: a database has files beside it while it is open. */
const filesOf = (location: string): ReadonlyArray<string> => {
  const path = localPath(location)
  if (path !== undefined) return [path]
  const database = /^sqlite:(.+)$/i.exec(location)?.[1]
  return database === undefined ? [] : ["", "-wal", "-shm", "-journal"].map((end) => resolve(database) + end)
}

/** `inner` relative to `outer`, when it is, or will be, there and not outside of it. */
const within = (inner: string, outer: string): string | undefined => {
  try {
    if (!statSync(outer).isDirectory()) return undefined
    const path = relative(realpathSync(outer), realPath(inner))
    return path === ".." || path.startsWith(`..${sep}`) || resolve(path) === path ? undefined : path
  } catch {
    return undefined
  }
}

/** Without symlinks, as far as it is there. */
const realPath = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return dirname(path) === path ? path : join(realPath(dirname(path)), basename(path))
  }
}
