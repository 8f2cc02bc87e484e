/** What the tests of rozen v0 share. */
import { Effect, Redacted, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../../stages/walk/memory_source.ts"
import { nativeKernels } from "../../../../adapters/kernels/native.ts"
import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import type { BackupOptions, Repository } from "../../../../formats/repository.ts"
import type { Secrets } from "../../../../formats/secrets.ts"
import type { ScryptCost } from "../../../../formats/rozen/key_lock.ts"
import { type Layout, makeLayout, type WriteOptions } from "../../../../formats/rozen/v0/layout.ts"
import { makeRozenV0, type RozenV0Options } from "../../../../formats/rozen/v0/mod.ts"
import type { SqliteEngine } from "../../../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore } from "../../../../stages/store/store.ts"
import type { Entry } from "../../../../stages/walk/entry.ts"
import { runFormat } from "../../../suites/format/environment.ts"

export const scrypt: ScryptCost = { n: 1024, r: 8, p: 1 }
export const secrets: Secrets = { password: Redacted.make("secret") }
export const options: BackupOptions = { paths: ["/data"], hostname: "host" }

/** The four ways to write an object. */
export const variants: ReadonlyArray<Required<Pick<WriteOptions, "encryption" | "compression">>> = [
  { encryption: "xaes-256-gcm", compression: "zstd" },
  { encryption: "xaes-256-gcm", compression: "none" },
  { encryption: "none", compression: "zstd" },
  { encryption: "none", compression: "none" },
]

export const MASTER: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i)
export const ID = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"

/** The layout of a repository with a known key. */
export const layoutOf = (write: WriteOptions): Layout => makeLayout(ID, Redacted.make(MASTER), nativeKernels, write)

export const walk = (tree: MemoryTree): Stream.Stream<Entry> =>
  memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** A new repository in a new store. */
export const inRepository = <A, E>(
  use: (repository: Repository, store: ObjectStore) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
  write: RozenV0Options = {},
): Promise<A> =>
  runFormat(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    return yield* Effect.flatMap(
      makeRozenV0({ ...write, scrypt }).create(secrets),
      (repository) => use(repository, store),
    ).pipe(Effect.provideService(ObjectStore, store))
  }))

/** Names of the objects of a store, sorted. */
export const names = (store: ObjectStore): Effect.Effect<Array<string>, unknown> =>
  Effect.map(Stream.runCollect(store.list("")), (all) => all.map(({ name }) => name).sort())

/** Puts other bytes in the place of an object. */
export const alter = (
  store: ObjectStore,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Effect.Effect<void, unknown> =>
  Effect.flatMap(store.get(name, { atMost: Infinity }), (bytes) => store.put(name, [change(bytes)], { replace: true }))
