/**
 * The snapshot catalog: a SQLite database for each snapshot; extents and maps of blobs are named by their BLAKE3.
 * Nothing is encrypted: everybody who can read the store can read all of it. SPEC.md describes every byte.
 *
 * @module
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { blake3 } from "../../stages/hash/blake3.ts"
import { Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { isThere } from "../../stages/store/absent.ts"
import { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { concernsObject } from "../../stages/store/unreadable.ts"
import { wholeFidelity } from "../../stages/walk/fidelity.ts"
import { RepositoryError } from "../error.ts"
import type { Format } from "../format.ts"
import { guardedFormat } from "../guard.ts"
import { wholeRecord } from "../record_fidelity.ts"
import { objectSizes } from "../object_sizes.ts"
import type { Repository } from "../repository.ts"
import { refuseLike, refuseOthers } from "../secrets.ts"
import { backup } from "./backup.ts"
import { formOfNew } from "./catalog_form.ts"
import { writeIndex } from "./catalog_index.ts"
import { check } from "./check.ts"
import { fromWriteError } from "./errors.ts"
import { catalogId, catalogs, extents, INDEX } from "./layout.ts"
import { makeOpened, type Opened, type SnapshotCatalogOptions } from "./opened.ts"
import { forget } from "./forget.ts"
import { entries } from "./read.ts"
import { rebuild } from "./rebuild.ts"
import { snapshots } from "./snapshot.ts"

export type { SnapshotCatalogOptions } from "./opened.ts"
export type { TreeForm } from "./tree_hash.ts"

const NAME = "snapshot-catalog"

/** Whether there is an index, or a catalog. */
const isRepository: (store: ObjectStore) => Effect.Effect<boolean, StoreError> = Effect.fnUntraced(function* (store) {
  if (yield* Effect.catchIf(isThere(store, INDEX), concernsObject, () => Effect.succeed(false))) return true
  return Option.isSome(
    yield* Stream.runHead(Stream.filter(store.list(catalogs.directory), ({ name }) => catalogId(name) !== undefined)),
  )
})

const formatWith = (options: SnapshotCatalogOptions): Format => {
  const opened = Effect.gen(function* () {
    const store = yield* ObjectStore
    const table = yield* Kernels
    // No object identifies the repository, so its ID is derived from its location.
    const place = new TextEncoder().encode(`penstock ${NAME} ${store.properties.location}`)
    const id = bytesToHex(makeKernel(blake3, table).digest(place).subarray(0, 16))
    return makeOpened(id, store, yield* SqliteEngine, table, options)
  })
  return {
    name: NAME,
    fidelity: wholeFidelity,
    record: wholeRecord,
    // Not maps of blobs: only checks and rebuilds read them, once each.
    cacheable: { holds: (name) => catalogId(name) !== undefined },
    recognise: Effect.flatMap(ObjectStore, isRepository),
    create: Effect.fnUntraced(function* (secrets, like) {
      yield* refuseLike(NAME, like)
      yield* refuseOthers(secrets, NAME, [])
      const store = yield* ObjectStore
      const exists = new RepositoryError({
        reason: "exists",
        message: `There is a repository at ${store.properties.location} already`,
      })
      if (yield* isRepository(store)) return yield* exists
      const made = yield* opened
      yield* writeIndex(made, [], formOfNew(options), { create: true }).pipe(
        Effect.mapError((error) =>
          error instanceof StoreError && error.reason === "exists" ? exists : fromWriteError(error)
        ),
      )
      return repository(made)
    }),
    open: Effect.fnUntraced(function* (secrets) {
      yield* refuseOthers(secrets, NAME, [])
      const store = yield* ObjectStore
      if (!(yield* isRepository(store))) {
        return yield* new RepositoryError({
          reason: "none",
          message: `There is no repository at ${store.properties.location}`,
        })
      }
      return repository(yield* opened)
    }),
  }
}

/**
 * The snapshot catalog with other options than {@linkcode snapshotCatalog} has. Its repositories are never encrypted,
 * and refuse all secrets.
 *
 * @example Wrap catalogs in zstd, and give the snapshot a name
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { makeSnapshotCatalog, ObjectStore } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const snapshots = Effect.gen(function* () {
 *   const repository = yield* makeSnapshotCatalog({ wrap: true, name: "before the move" }).create({})
 *   yield* repository.backup(Stream.succeed(file), { paths: ["/home/me"], hostname: "laptop" })
 *   return yield* repository.snapshots
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = snapshots.pipe(
 *   Effect.scoped,
 *   Effect.provideService(ObjectStore, store),
 *   Effect.provide(accelerators),
 * )
 * assert.deepEqual((await Effect.runPromise(program)).map(({ name }) => name), ["before the move"])
 * ```
 */
export const makeSnapshotCatalog = (options: SnapshotCatalogOptions = {}): Format => guardedFormat(formatWith(options))

/**
 * The snapshot catalog as the document has it, with extents of about 1 MiB.
 *
 * @example Make a repository, and read a file back
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { contentStream, ObjectStore, snapshotCatalog } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const content = Effect.gen(function* () {
 *   const repository = yield* snapshotCatalog.create({})
 *   const { snapshot } = yield* repository.backup(Stream.succeed(file), { paths: ["/home/me"], hostname: "laptop" })
 *   return yield* Stream.mkString(Stream.decodeText(Stream.flatMap(repository.entries(snapshot!), contentStream)))
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = content.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.equal(await Effect.runPromise(program), "hi")
 * ```
 */
export const snapshotCatalog: Format = makeSnapshotCatalog()

const repository = (opened: Opened): Repository => ({
  format: NAME,
  id: opened.id,
  backup: (stream, options) => backup(opened, stream, options),
  snapshots: snapshots(opened),
  entries: (snapshot, options) => entries(opened, snapshot, options),
  storedSizes: objectSizes(opened.store, extents),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
  forget: (snapshots) => forget(opened, snapshots),
})
