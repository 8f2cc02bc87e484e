/** Directories for tests of the local store. */
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"

const inside = (parent: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(parent, "penstock-store-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
  )

/** A new directory, which is removed with its content when the scope closes. */
export const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = inside(tmpdir())

/** The same, in memory if possible: for tests with thousands of files, each of which is synced. */
export const memoryDirectory: Effect.Effect<string, never, Scope.Scope> = inside(
  existsSync("/dev/shm") ? "/dev/shm" : tmpdir(),
)
