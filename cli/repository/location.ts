/** Where a repository lies: on this machine or elsewhere. */
import * as Effect from "effect/Effect"
import { existsSync, lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs"
import { basename, dirname, join, relative, resolve, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { UsageError } from "../process/usage_error.ts"
import { variable } from "../process/variable.ts"

/** The location that `-r` or `PENSTOCK_REPO` gives. */
export const repositoryLocation = (repo: string | undefined): Effect.Effect<string, UsageError> =>
  Effect.flatMap(
    repo === undefined ? variable("PENSTOCK_REPO") : Effect.succeed(repo),
    (location) =>
      location === undefined || location === ""
        ? Effect.fail(
          new UsageError({ message: "No repository is named: give -r REPO (a path or URL) or set PENSTOCK_REPO" }),
        )
        : Effect.succeed(location),
  )

/** The path of a repository on this machine. Undefined for any other. */
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

/** The path of the database that a repository lies in. Undefined if it lies in none. */
export const databasePath = (location: string): string | undefined => /^sqlite:(.+)$/i.exec(location)?.[1]

/** The paths that a repository takes up on this machine. A database has files beside it while it is open. */
export const pathsOf = (location: string): ReadonlyArray<string> => {
  const path = localPath(location)
  if (path !== undefined) return [path]
  const database = databasePath(location)
  return database === undefined ? [] : ["", "-wal", "-shm", "-journal"].map((end) => resolve(database) + end)
}

/**
 * `inner` relative to the directory `outer`, if it lies there or would. `""` if they are the same, undefined if it lies
 * elsewhere. Symbolic links are followed.
 */
export const pathWithin = (inner: string, outer: string): string | undefined => {
  try {
    if (!statSync(outer).isDirectory()) return undefined
    const path = relative(realpathSync(outer), realPath(inner))
    return path === ".." || path.startsWith(`..${sep}`) || resolve(path) === path ? undefined : path
  } catch {
    return undefined
  }
}

/** The path without symbolic links, as far as it exists. */
const realPath = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return dirname(path) === path ? path : join(realPath(dirname(path)), basename(path))
  }
}

/** The symbolic link that leads a path to nowhere: the path itself, or a directory above it. */
export const danglingLink = (path: string): { readonly link: string; readonly target: string } | undefined => {
  for (let link = resolve(path); !existsSync(link); link = dirname(link)) {
    try {
      if (lstatSync(link).isSymbolicLink()) return { link, target: readlinkSync(link) }
    } catch {
      // Nothing is there, or the directory above cannot be read. Opening the repository reports that.
    }
    if (link === dirname(link)) break
  }
  return undefined
}

/** Undefined if nothing is there, or if that cannot be told. Opening the repository reports why. */
const statsAt = (path: string): Stats | undefined => {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** Whether anything is at a path. */
export const exists = (path: string): boolean => statsAt(path) !== undefined

/** Whether a file is at a path. */
export const isFile = (path: string): boolean => statsAt(path)?.isFile() === true
