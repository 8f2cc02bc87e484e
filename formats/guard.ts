/** What kernels throw, wherever in a format that happens, as a failure: a user's kernel may be faulty anywhere. */
import * as Effect from "effect/Effect"
import { KernelError } from "../stages/kernel.ts"
import { type Format, fromKernelError, type Repository, type RepositoryError } from "./format.ts"

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

/** The format: it, and what its repositories run to its end, fails with RepositoryError when a kernel throws. */
export const guardedFormat = (format: Format): Format => ({
  ...format,
  create: (secrets, like) => failing(Effect.map(format.create(secrets, like), failingRepository)),
  open: (secrets) => failing(Effect.map(format.open(secrets), failingRepository)),
})
