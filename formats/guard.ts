/** What every format is surrounded with: faulty kernels of a user's, and stores that cannot read. */
import * as Effect from "effect/Effect"
import { KernelError } from "../stages/kernel.ts"
import { ObjectStore } from "../stages/pack/store.ts"
import { watched } from "../stages/pack/unreadable.ts"
import { type Format, fromKernelError, type Repository, type RepositoryError } from "./format.ts"

/** What kernels throw, wherever in a format that happens, as a failure: a user's kernel may be faulty anywhere. */
const failing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | RepositoryError, R> =>
  Effect.catchDefect(
    effect,
    (defect) => defect instanceof KernelError ? Effect.fail(fromKernelError(defect)) : Effect.die(defect),
  )

const failingRepository = (repository: Repository): Repository => ({
  ...repository,
  backup: (entries, options) => failing(repository.backup(entries, options)),
  check: (options) => failing(repository.check(options)),
  rebuild: failing(repository.rebuild),
})

/**
 * The format: it, and what its repositories run to its end, fails with RepositoryError when a kernel throws. Their store tells an object that
 * cannot be read from a store that cannot be.
 */
export const guardedFormat = (format: Format): Format => ({
  ...format,
  create: (secrets, like) =>
    failing(Effect.updateService(Effect.map(format.create(secrets, like), failingRepository), ObjectStore, watched)),
  open: (secrets) =>
    failing(Effect.updateService(Effect.map(format.open(secrets), failingRepository), ObjectStore, watched)),
})
