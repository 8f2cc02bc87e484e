/**
 * FogSync Mark III: encrypted envelopes, cut into blocks of 64 KiB that are named by their hash. SPEC.md describes
 * every byte.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { gzip } from "../../stages/compress/gzip.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import { Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Format } from "../format.ts"
import { refuseLike, refuseOthers } from "../secrets.ts"
import type { Repository } from "../repository.ts"
import { RepositoryError } from "../error.ts"
import { guardedFormat } from "../guard.ts"
import { wholeRecord } from "../record_fidelity.ts"
import { backup } from "./backup.ts"
import { check } from "./check.ts"
import { newShareId, readConfig, writeConfig } from "./config.ts"
import { fidelityOf } from "./fidelity.ts"
import { forget } from "./forgotten.ts"
import { shareKeys } from "./keys.ts"
import { SHARE } from "./layout.ts"
import type { FogsyncOptions, Opened } from "./opened.ts"
import { entries } from "./read.ts"
import { rebuild } from "./rebuild.ts"
import { isShare, namedShares, nameProblem, storeOf } from "./shares.ts"
import { listRoots, snapshots } from "./snapshot.ts"

export type { FogsyncOptions } from "./opened.ts"

const formatWith = (options: FogsyncOptions): Format => {
  const { compress = true, level, listing = "json", share: name } = options
  const problem = name === undefined ? undefined : nameProblem(name)
  const place = Effect.flatMap(
    ObjectStore,
    (store) =>
      problem === undefined ? Effect.succeed(storeOf(store, name)) : Effect.fail(
        new RepositoryError({ reason: "unsupported", message: `"${name}" ${problem}` }),
      ),
  )
  /** Opens a share without its ID, which is not known yet. */
  const openShare = Effect.fnUntraced(function* (secrets: Parameters<Format["open"]>[0], store: ObjectStore) {
    const table = yield* Kernels
    const opened: Opened = {
      id: "",
      store,
      engine: yield* SqliteEngine,
      keys: yield* shareKeys(secrets, makeKernel(sha256, table)),
      gzip: makeKernel(gzip(level === undefined ? {} : { level }), table),
      compress,
      listing,
      name,
    }
    return opened
  })
  return {
    name: "fogsync",
    fidelity: fidelityOf(listing),
    record: wholeRecord,
    recognise: Effect.gen(function* () {
      const store = yield* ObjectStore
      if (problem !== undefined) return false
      return (yield* isShare(storeOf(store, name))) || (name === undefined && (yield* namedShares(store)).length > 0)
    }),
    create: Effect.fnUntraced(function* (secrets, like) {
      yield* refuseLike("fogsync", like)
      yield* refuseOthers(secrets, "fogsync", ["key"])
      const store = yield* place
      const exists = new RepositoryError({
        reason: "exists",
        message: `There is a share at ${store.properties.location} already`,
      })
      if (yield* isShare(store)) return yield* exists
      const opened = { ...yield* openShare(secrets, store), id: newShareId() }
      if (!(yield* writeConfig(store, opened.keys, opened))) return yield* exists
      return repository(opened)
    }),
    open: Effect.fnUntraced(function* (secrets) {
      yield* refuseOthers(secrets, "fogsync", ["key"])
      const store = yield* place
      if (!(yield* isShare(store))) {
        const { location } = store.properties
        const names = name === undefined ? yield* namedShares(store) : []
        return yield* new RepositoryError({
          reason: "none",
          message: names.length === 0
            ? `There is no share at ${location}`
            : `The shares at ${location} have names: choose one of ${names.join(", ")} (--option fogsync.share=NAME)`,
        })
      }
      const opened = yield* openShare(secrets, store)
      return repository({ ...opened, ...yield* identify(opened) })
    }),
  }
}

/**
 * Makes the FogSync format with other options.
 *
 * @example Put two shares with keys of their own into one store
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { makeFogsync, ObjectStore } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const key = () => Redacted.make(crypto.getRandomValues(new Uint8Array(64)))
 *
 * const names = Effect.gen(function* () {
 *   yield* makeFogsync({ share: "music" }).create({ key: key() })
 *   yield* makeFogsync({ share: "photos", listing: "tree" }).create({ key: key() })
 *   return yield* Stream.runCollect(Stream.map((yield* ObjectStore).list(""), ({ name }) => name))
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = names.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.deepEqual((await Effect.runPromise(program)).sort(), ["shares/music/FOGSYNC", "shares/photos/FOGSYNC"])
 * ```
 */
export const makeFogsync = (options: FogsyncOptions = {}): Format => guardedFormat(formatWith(options))

/**
 * The FogSync Mark III format, with a listing in JSON for each directory. `create` and `open` take a raw `key` of 32 or
 * 64 bytes.
 *
 * @example Make a share, and a snapshot in it
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { fogsync, ObjectStore } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const secrets = { key: Redacted.make(crypto.getRandomValues(new Uint8Array(64))) }
 * const file = { path: "notes", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const snapshots = Effect.gen(function* () {
 *   const repository = yield* fogsync.create(secrets)
 *   yield* repository.backup(Stream.succeed(file), { paths: ["/home/me"], hostname: "laptop" })
 *   return yield* (yield* fogsync.open(secrets)).snapshots
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = snapshots.pipe(
 *   Effect.scoped,
 *   Effect.provideService(ObjectStore, store),
 *   Effect.provide(accelerators),
 * )
 * const [snapshot] = await Effect.runPromise(program)
 * assert.deepEqual([snapshot?.hostname, snapshot?.files, snapshot?.bytes], ["laptop", 1, 2])
 * ```
 */
export const fogsync: Format = makeFogsync()

const repository = (opened: Opened): Repository => ({
  format: "fogsync",
  id: opened.id,
  backup: (stream, options) => backup(opened, stream, options),
  snapshots: snapshots(opened),
  order: "by-name",
  entries: (snapshot, options) => entries(opened, snapshot, options),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
  forget: (snapshots) => forget(opened, snapshots),
})

/**
 * Finds out which share it is: from FOGSYNC or, when that is lost, from the newest root. Either of them also shows that
 * the key is right.
 */
const identify = Effect.fnUntraced(function* (opened: Opened) {
  const said = yield* readConfig(opened.store, opened.keys, opened.name).pipe(
    Effect.catchTag(
      "RepositoryError",
      (error) => error.reason === "newer" ? Effect.fail(error) : Effect.succeed(error),
    ),
  )
  if (said !== undefined && !(said instanceof RepositoryError)) return said
  const { damaged, roots } = yield* listRoots(opened)
  const newest = roots.findLast(({ share }) => share !== undefined)
  if (newest !== undefined) {
    yield* Effect.logWarning(`${said?.message ?? `${SHARE} is missing`}. Run "penstock rebuild"`)
    return { id: newest.share!, listing: newest.listing }
  }
  const error = said ?? damaged[0]
  return yield* new RepositoryError({
    reason: error?.reason ?? "corrupt",
    object: SHARE,
    message: error?.reason === "wrong-key"
      ? `This key opens nothing at ${opened.store.properties.location}: it is another share's, or all data were altered`
      : error?.message ?? `${SHARE} is missing, and no root says which share this is`,
  })
})
