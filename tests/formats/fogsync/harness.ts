/** What the tests of FogSync share. */
import { Effect, Redacted, type Scope, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory.ts"
import type { BackupOptions, Repository, Secrets } from "../../../formats/format.ts"
import { type FogsyncOptions, makeFogsync } from "../../../formats/fogsync/mod.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite.ts"
import { ObjectStore } from "../../../stages/pack/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { memorySource, type MemoryTree } from "../../../stages/walk/memory.ts"
import { noise, runFormat } from "../../suites/format.ts"

export const secrets: Secrets = { key: Redacted.make(noise(32, 99)) }
export const options: BackupOptions = { paths: ["/data"], hostname: "host" }

export const walk = (tree: MemoryTree): Stream.Stream<Entry> =>
  memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** A new share in a new store. */
export const inShare = <A, E>(
  use: (repository: Repository, store: ObjectStore) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
  write: FogsyncOptions = {},
): Promise<A> =>
  runFormat(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    return yield* Effect.flatMap(makeFogsync(write).create(secrets), (repository) => use(repository, store)).pipe(
      Effect.provideService(ObjectStore, store),
    )
  }))
