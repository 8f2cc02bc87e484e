/**
 * The snapshot catalog: a SQLite database for each snapshot, extents and maps of blobs named by their BLAKE3. Nothing
 * is encrypted: whoever reads the store reads all of it. SPEC.md has every byte. @module
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { wholeFidelity } from "../../stages/walk/fidelity.ts"
import { SqliteEngine, SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { blake3 } from "../../stages/hash/blake3.ts"
import { Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { isThere } from "../../stages/store/absent.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import { concernsObject } from "../../stages/store/unreadable.ts"
import type { Format } from "../format.ts"
import { refuseLike, refuseOthers } from "../secrets.ts"
import type { Repository } from "../repository.ts"
import { RepositoryError } from "../error.ts"
import { guardedFormat } from "../guard.ts"
import { wholeRecord } from "../record_fidelity.ts"
import { backup } from "./backup.ts"
import { check } from "./check.ts"
import { fromWriteError } from "./errors.ts"
import { formOfNew } from "./catalog_form.ts"
import { writeIndex } from "./catalog_index.ts"
import { catalogId, catalogs, INDEX } from "./layout.ts"
import { makeOpened, type Opened, type SnapshotCatalogOptions } from "./opened.ts"
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
    // There is no object that only says which repository this is.
    const place = new TextEncoder().encode(`penstock ${NAME} ${store.properties.location}`)
    const id = bytesToHex(makeKernel(blake3, table).digest(place).subarray(0, 16))
    return makeOpened(id, store, yield* SqliteEngine, table, options)
  })
  return {
    name: NAME,
    fidelity: wholeFidelity,
    record: wholeRecord,
    // Maps of blobs are read one at a time, or by a rebuild.
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
          error instanceof SqliteError ? fromWriteError(error) : error.reason === "exists" ? exists : error
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

/** The format with options of one's own. */
export const makeSnapshotCatalog = (options: SnapshotCatalogOptions = {}): Format => guardedFormat(formatWith(options))

/** The format as the document has it, extents of 1 MiB on average. */
export const snapshotCatalog: Format = makeSnapshotCatalog()

const repository = (opened: Opened): Repository => ({
  format: NAME,
  id: opened.id,
  backup: (stream, options) => backup(opened, stream, options),
  snapshots: snapshots(opened),
  entries: (snapshot, options) => entries(opened, snapshot, options),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
})
