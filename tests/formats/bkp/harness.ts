/** What the tests of bkp share: repositories with small chunks, and stores whose objects can be altered. */
import { Effect, Redacted, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { type BkpOptions, makeBkp } from "../../../formats/bkp/mod.ts"
import type { BackupOptions, Repository, SnapshotInfo } from "../../../formats/repository.ts"
import type { Format } from "../../../formats/format.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { type Facts, factsOf } from "../../suites/format/facts.ts"
import { runFormat } from "../../suites/format/environment.ts"

/** Small chunks and windows, so that little content makes files of all kinds; few iterations, to save time. */
export const smallOptions: BkpOptions = {
  chunks: { average: 4 << 10 },
  packBelow: 4 << 10,
  windowBytes: 64 << 10,
  iterations: 10,
}
export const small: Format = makeBkp(smallOptions)

export const secrets: Secrets = { password: Redacted.make("secret") }
export const options: BackupOptions = { paths: ["/data"], hostname: "host" }

export const walk = (tree: MemoryTree): Stream.Stream<Entry> =>
  memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** Runs an effect with an empty store. */
export const inStore = <A, E>(
  use: (store: ObjectStore) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
): Promise<A> =>
  runFormat(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    return yield* Effect.provideService(use(store), ObjectStore, store)
  }))

/** Runs an effect with a new repository in a new store. */
export const inRepository = <A, E>(
  use: (repository: Repository, store: ObjectStore) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
  with_: { readonly secrets?: Secrets; readonly format?: Format } = {},
): Promise<A> =>
  inStore((store) =>
    Effect.flatMap((with_.format ?? small).create(with_.secrets ?? secrets), (repository) => use(repository, store))
  )

/** The names of the objects beneath a directory, sorted. */
export const names = (store: ObjectStore, directory = ""): Effect.Effect<Array<string>, StoreError> =>
  Effect.map(Stream.runCollect(store.list(directory)), (all) => all.map(({ name }) => name).sort())

/** Changes the bytes of an object. */
export const alter = (
  store: ObjectStore,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Effect.Effect<void, StoreError> =>
  Effect.flatMap(store.get(name, { atMost: Infinity }), (bytes) => store.put(name, [change(bytes)], { replace: true }))

/** The same bytes, with one changed in the middle. */
export const flipped = (bytes: Uint8Array, at: number = bytes.length >> 1): Uint8Array => {
  const out = bytes.slice()
  out[at]! ^= 1
  return out
}

/** The paths and contents (as digests) of a snapshot. */
export const contentsOf = (
  repository: Repository,
  snapshot: SnapshotInfo,
): Effect.Effect<ReadonlyMap<string, Facts>, unknown> => factsOf(repository.entries(snapshot))
