/**
 * What surrounds every format: it handles kernels that throw, stores that cannot be read, and entries and records that
 * no format could keep.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { KernelError } from "../stages/kernel/kernel.ts"
import { ObjectStore } from "../stages/store/store.ts"
import { watched } from "../stages/store/unreadable.ts"
import type { Entry } from "../stages/walk/entry.ts"
import { depthProblem } from "../stages/walk/path.ts"
import { fromKernelError, RepositoryError } from "./error.ts"
import type { Format } from "./format.ts"
import type { Inspection } from "./inspection.ts"
import type { RepositoryKeys } from "./keys.ts"
import type { Repository } from "./repository.ts"
import { snapshotProblem } from "./snapshot_problem.ts"

/** Stands for the ID of a snapshot that is still to be made. */
const NO_ID = "00000000"

/** Turns KernelErrors that are thrown into failures. A user's own kernel may throw anywhere in a format. */
const failing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | RepositoryError, R> =>
  Effect.catchDefect(
    effect,
    (defect) => defect instanceof KernelError ? Effect.fail(fromKernelError(defect)) : Effect.die(defect),
  )

/** An entry that lies too deep for any format becomes `unreadable`, so that it is left out and named. */
const withinDepth = (entry: Entry): Entry => {
  const problem = depthProblem(entry.path)
  return problem === undefined
    ? entry
    : { path: entry.path, kind: "unreadable", metadata: {}, size: 0, problem: `Left out: ${problem}` }
}

const guardedRepository = ({ forget, storedSizes, ...repository }: Repository): Repository => ({
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
  ...(forget === undefined ? {} : { forget: (snapshots) => failing(forget(snapshots)) }),
  ...(storedSizes === undefined ? {} : { storedSizes: (piece) => failing(storedSizes(piece)) }),
  ...(repository.inspection === undefined ? {} : { inspection: guardedInspection(repository.inspection) }),
  ...(repository.keys === undefined ? {} : { keys: guardedKeys(repository.keys) }),
})

const guardedInspection = ({ config, packs, snapshot }: Inspection): Inspection => ({
  config: failing(config),
  packs: failing(packs),
  snapshot: (id) => failing(snapshot(id)),
})

const guardedKeys = (keys: RepositoryKeys): RepositoryKeys => ({
  list: failing(keys.list),
  add: (secret, options) => failing(keys.add(secret, options)),
  remove: (id) => failing(keys.remove(id)),
  replace: (secret, options) => failing(keys.replace(secret, options)),
  rotate: failing(keys.rotate),
  export: failing(keys.export),
})

/**
 * Guards a format and its repositories. They fail with RepositoryError when a kernel throws, refuse to make a snapshot
 * that could not be listed again, and leave out and name entries that lie too deep. Their store tells an object that
 * cannot be read from a store that cannot be reached. All formats of Penstock are guarded; guard your own, too.
 *
 * @example Guard a format of one's own
 * ```ts
 * import { Effect } from "effect"
 * import { type Format, RepositoryError } from "@penstock/penstock"
 * import { guardedFormat, wholeFidelity, wholeRecord } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const none = new RepositoryError({ reason: "none", message: "There is no repository" })
 * const mine: Format = guardedFormat({
 *   name: "mine",
 *   fidelity: wholeFidelity,
 *   record: wholeRecord,
 *   recognise: Effect.succeed(false),
 *   create: () => Effect.fail(none),
 *   open: () => Effect.fail(none),
 * })
 * assert.equal(mine.name, "mine")
 * ```
 */
export const guardedFormat = (format: Format): Format => ({
  ...format,
  create: (secrets, like) =>
    failing(Effect.updateService(Effect.map(format.create(secrets, like), guardedRepository), ObjectStore, watched)),
  open: (secrets) =>
    failing(Effect.updateService(Effect.map(format.open(secrets), guardedRepository), ObjectStore, watched)),
})
