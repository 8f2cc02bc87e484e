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
import { depthProblem } from "../stages/walk/path.ts"
import type { Format } from "./format.ts"
import { fromKernelError, RepositoryError } from "./error.ts"
import type { Repository } from "./repository.ts"
import { snapshotProblem } from "./snapshot_problem.ts"

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
