/**
 * What every format is surrounded with: faulty kernels of a user's, stores that cannot read, entries and records that
 * nobody could keep.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { KernelError } from "../stages/kernel/kernel.ts"
import { ObjectStore } from "../stages/store/store.ts"
import { watched } from "../stages/store/unreadable.ts"
import type { Entry } from "../stages/walk/entry.ts"
import { depthProblem, PATH_MAXIMUM } from "../stages/walk/path.ts"
import { type Format, fromKernelError, type Repository, RepositoryError, type SnapshotInfo } from "./format.ts"

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

/** Of a snapshot that is still to be made. */
const NO_ID = "00000000"

/** What kernels throw, wherever in a format that happens, as a failure: a user's kernel may be faulty anywhere. */
const failing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | RepositoryError, R> =>
  Effect.catchDefect(
    effect,
    (defect) => defect instanceof KernelError ? Effect.fail(fromKernelError(defect)) : Effect.die(defect),
  )

/** What lies too deep for any format is left out, and named. */
const withinDepth = (entry: Entry): Entry => {
  const problem = depthProblem(entry.path)
  return problem === undefined
    ? entry
    : { path: entry.path, kind: "unreadable", metadata: {}, size: 0, problem: `Left out: ${problem}` }
}

const guardedRepository = (repository: Repository): Repository => ({
  ...repository,
  backup: (entries, options) => {
    const { hostname = "", paths, tags = [], time = 0, username = "" } = options
    const problem = snapshotProblem({ id: NO_ID, hostname, paths, tags, time, username })
    if (problem !== undefined) {
      return Effect.fail(
        new RepositoryError({ reason: "unsupported", message: `Cannot make a snapshot that ${problem}` }),
      )
    }
    return failing(repository.backup(Stream.map(entries, withinDepth), options))
  },
  check: (options) => failing(repository.check(options)),
  rebuild: failing(repository.rebuild),
})

/**
 * The format, which fails with RepositoryError when a kernel throws, makes no snapshot that could not be listed, and
 * leaves out what lies too deep; and so do its repositories. Their store tells an object that cannot be read from a
 * store that cannot be.
 */
export const guardedFormat = (format: Format): Format => ({
  ...format,
  create: (secrets, like) =>
    failing(Effect.updateService(Effect.map(format.create(secrets, like), guardedRepository), ObjectStore, watched)),
  open: (secrets) =>
    failing(Effect.updateService(Effect.map(format.open(secrets), guardedRepository), ObjectStore, watched)),
})
