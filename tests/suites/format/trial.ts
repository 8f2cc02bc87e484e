/** A format under test, and what all of its tests have in common. */
import assert from "node:assert/strict"
import { Effect, Redacted, type Scope, type Stream } from "effect"
import type { SourceError } from "../../../stages/walk/errors.ts"
import type { Fidelity } from "../../../stages/walk/fidelity.ts"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { BackupOptions, BackupSummary, Repository, SnapshotInfo } from "../../../formats/repository.ts"
import type { Format } from "../../../formats/format.ts"
import type { FormatError } from "../../../formats/error.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { runFormat } from "./environment.ts"
import { factsOf, kept, sorted } from "./facts.ts"
import type { FormatTraits } from "./traits.ts"

/** How the snapshots of the tests are made. */
export const options: BackupOptions = { paths: ["/home/me"], hostname: "host" }

/** The entries of a tree. */
export const walk = (tree: MemoryTree): Stream.Stream<Entry, SourceError> => memorySource(tree).entries("", {})

/** The snapshot that a backup made. */
export const made = (summary: BackupSummary): SnapshotInfo => summary.snapshot ?? assert.fail("There is no snapshot")

/** Fails the test when a full check finds anything. */
export const clean = (repository: Repository): Effect.Effect<void, FormatError> =>
  Effect.map(repository.check({ readData: 100 }), (summary) => assert.deepEqual(summary.findings, []))

/** A format under test. */
export interface Trial {
  readonly format: Format
  readonly traits: FormatTraits
  readonly fidelity: Fidelity
  /** What opens its repositories. */
  readonly secrets: Secrets
  /** Runs with a new and empty store. */
  readonly inStore: <A, E>(
    use: (store: ObjectStore) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
  ) => Promise<A>
  /** Runs with a new repository. */
  readonly inRepository: <A, E>(
    use: (repository: Repository) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
  ) => Promise<A>
  /** Fails the test when a snapshot does not hold what the format keeps of a tree. */
  readonly holds: (
    repository: Repository,
    snapshot: SnapshotInfo,
    tree: MemoryTree,
  ) => Effect.Effect<void, FormatError | SourceError>
  /** Backs a tree up, reads the snapshot, and compares. */
  readonly roundTrip: (
    repository: Repository,
    tree: MemoryTree,
  ) => Effect.Effect<BackupSummary, FormatError | SourceError>
}

/** The reason to skip a test; false when the format has the trait. */
export const why = (trait: true | string): string | false => trait === true ? false : trait

/** Prepares the tests of a format. */
export const makeTrial = (format: Format, traits: FormatTraits): Trial => {
  const secrets: Secrets = traits.secrets ?? { password: Redacted.make("correct horse") }
  const { fidelity } = format
  const inStore: Trial["inStore"] = (use) =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      return yield* Effect.provideService(use(store), ObjectStore, store)
    }))
  const holds: Trial["holds"] = (repository, snapshot, tree) =>
    Effect.gen(function* () {
      const restored = yield* factsOf(repository.entries(snapshot))
      assert.deepEqual(
        sorted(kept(restored, fidelity, traits)),
        sorted(kept(yield* factsOf(walk(tree)), fidelity, traits)),
      )
    })
  return {
    format,
    traits,
    fidelity,
    secrets,
    inStore,
    inRepository: (use) => inStore(() => Effect.flatMap(format.create(secrets), use)),
    holds,
    roundTrip: (repository, tree) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk(tree), options)
        yield* holds(repository, made(summary), tree)
        return summary
      }),
  }
}
