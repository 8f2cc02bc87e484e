/** Shared by the tests of FogSync. */
import assert from "node:assert/strict"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { KernelError } from "../../../stages/kernel/kernel.ts"
import { Effect, Redacted, type Scope, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { BackupOptions, Repository } from "../../../formats/repository.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { type Keys, makeKeys } from "../../../formats/fogsync/keys.ts"
import { twofishSecret } from "../../../stages/encrypt/twofish256ctr.ts"
import { nativeSha256 } from "../../../adapters/kernels/hash.ts"
import { type FogsyncOptions, makeFogsync } from "../../../formats/fogsync/mod.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"

export const secrets: Secrets = { key: Redacted.make(noise(32, 99)) }
export const options: BackupOptions = { paths: ["/data"], hostname: "host" }

/** The keys from 64 bytes. */
export const keysFrom = (key: Uint8Array): Keys => makeKeys(twofishSecret({ key: Redacted.make(key) }, nativeSha256()))

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
export const bytes = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, "hex"))

/** The reason of what a decoder throws; `none` if it does not throw. Anything but a KernelError fails the test. */
export const reasonOf = (run: () => unknown): string => {
  try {
    run()
    return "none"
  } catch (error) {
    assert.ok(error instanceof KernelError, `not a KernelError: ${String(error)}`)
    return error.reason
  }
}

/** The names of the objects in a store, sorted. */
export const names = (store: ObjectStore, directory = ""): Effect.Effect<Array<string>, unknown> =>
  Effect.map(Stream.runCollect(store.list(directory)), (all) => all.map(({ name }) => name).sort())

/** Replaces the bytes of an object. */
export const alter = (
  store: ObjectStore,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Effect.Effect<void, unknown> =>
  Effect.flatMap(store.get(name, { atMost: Infinity }), (old) => store.put(name, [change(old)], { replace: true }))

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
