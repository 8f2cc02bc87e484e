/**
 * The bkp format: trees of small objects for many clients, which share chunks. SPEC.md describes every byte.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { Kernels } from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import type { Format } from "../format.ts"
import { guardedFormat } from "../guard.ts"
import type { Repository } from "../repository.ts"
import { refuseLike, refuseOthers } from "../secrets.ts"
import { backup, fidelity, recordFidelity } from "./backup.ts"
import { check } from "./check.ts"
import { decodeConfig, encodeConfig, isConfig } from "./config.ts"
import { absent, created } from "./errors.ts"
import { forget } from "./forgotten.ts"
import { CONFIG, isOwnPack } from "./layout.ts"
import { CONFIG_BYTES } from "./limits.ts"
import { type BkpOptions, makeOpened, type Opened } from "./opened.ts"
import { entries } from "./read.ts"
import { rebuild } from "./rebuild.ts"
import { snapshots } from "./snapshot.ts"
import { storedSizes } from "./stored_sizes.ts"
import { newConfig, unlock } from "./unlock.ts"

/** OWASP's password storage recommendation for PBKDF2-HMAC-SHA256. */
const DEFAULT_ITERATIONS = 600_000

export type { BkpOptions } from "./opened.ts"

const formatWith = (options: BkpOptions): Format => ({
  name: "bkp",
  fidelity,
  record: recordFidelity,
  // Their names are hashes of their content, or random.
  cacheable: { config: CONFIG, holds: (name) => name.startsWith("metadata/") },
  recognise: Effect.gen(function* () {
    const store = yield* ObjectStore
    const config = yield* absent(store.get(CONFIG, { atMost: CONFIG_BYTES }))
    return (config !== undefined && isConfig(config)) || (yield* hasHeads(store))
  }),
  create: Effect.fnUntraced(function* (secrets, like) {
    yield* refuseLike("bkp", like)
    yield* refuseOthers(secrets, "bkp", ["password"])
    const { password } = secrets
    const store = yield* ObjectStore
    const table = yield* Kernels
    const exists = new RepositoryError({
      reason: "exists",
      message: `There is a repository at ${store.properties.location} already`,
    })
    if (yield* hasHeads(store)) return yield* exists
    if ((yield* absent(store.stat(CONFIG))) !== undefined) return yield* exists
    const { iterations = DEFAULT_ITERATIONS, keys = "per-object" } = options
    const { bytes, config, cipher } = yield* newConfig(password, { iterations, keys }, table)
    if (!(yield* created(store.put(CONFIG, [bytes])))) return yield* exists
    return repository(makeOpened({ id: config.id, store, cipher, table, config: bytes }, options))
  }),
  open: Effect.fnUntraced(function* (secrets) {
    yield* refuseOthers(secrets, "bkp", ["password"])
    const { password } = secrets
    const store = yield* ObjectStore
    const table = yield* Kernels
    const { location } = store.properties
    const found = yield* readTwice(
      CONFIG,
      Effect.flatMap(
        absent(store.get(CONFIG, { atMost: CONFIG_BYTES })),
        (bytes) => catching(RepositoryError, () => bytes && { bytes, config: decodeConfig(bytes) }),
      ),
    )
    if (found !== undefined) {
      const { bytes, config } = found
      const cipher = yield* unlock(config, password, location, table)
      return repository(makeOpened({ id: config.id, store, cipher, table, config: bytes }, options))
    }
    if (!(yield* hasHeads(store))) {
      return yield* new RepositoryError({ reason: "none", message: `There is no repository at ${location}` })
    }
    // Programs that know only the document write no config and do not encrypt. Their repositories are read like others.
    const plain = encodeConfig({ format: "bkp", version: 1, id: NO_ID, encryption: null })
    const cipher = yield* unlock(decodeConfig(plain), password, location, table)
    const config = (yield* hasOwnPacks(store)) ? plain : undefined
    return repository(makeOpened({ id: NO_ID, store, cipher, table, config }, options))
  }),
})

/**
 * The bkp format with other options than {@linkcode bkp} has. The options concern what is written; any repository can
 * be read.
 *
 * @example Back up a part of a client's tree
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { makeBkp, ObjectStore } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const paths = Effect.gen(function* () {
 *   const repository = yield* makeBkp({ part: "home/me" }).create({})
 *   const { snapshot } = yield* repository.backup(Stream.succeed(file), { paths: ["/home/me"], hostname: "laptop" })
 *   return yield* Stream.runCollect(Stream.map(repository.entries(snapshot!), ({ path }) => path))
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = paths.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.deepEqual(await Effect.runPromise(program), ["home/me/notes.txt"])
 * ```
 */
export const makeBkp = (options: BkpOptions = {}): Format => guardedFormat(formatWith(options))

/** The ID of a repository without a config. */
const NO_ID = "0".repeat(32)

const hasHeads = (store: ObjectStore): Effect.Effect<boolean, StoreError> =>
  store.list("heads/").pipe(
    Stream.filter(({ size }) => size === 32),
    Stream.take(1),
    Stream.runCount,
    Effect.map((count) => count > 0),
  )

/** Whether there are packfiles with names that only Penstock gives. Then there was a config. */
const hasOwnPacks = (store: ObjectStore): Effect.Effect<boolean, StoreError> =>
  Stream.concat(store.list("metadata/"), store.list("blocks/")).pipe(
    Stream.filter(({ name }) => isOwnPack(name)),
    Stream.take(1),
    Stream.runCount,
    Effect.map((count) => count > 0),
  )

/**
 * The bkp format: chunks of about 1 MiB, and packfiles for objects below 256 KiB. `create` encrypts the repository if
 * it gets a password.
 *
 * @example Make an encrypted repository, and a snapshot in it
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { bkp, ObjectStore } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const snapshots = Effect.gen(function* () {
 *   const repository = yield* bkp.create({ password: Redacted.make("correct horse battery staple") })
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
 * assert.deepEqual((await Effect.runPromise(program)).map(({ hostname }) => hostname), ["laptop"])
 * ```
 */
export const bkp: Format = makeBkp()

const repository = (opened: Opened): Repository => ({
  format: "bkp",
  id: opened.id,
  backup: (stream, options) => backup(opened, stream, options),
  snapshots: snapshots(opened),
  order: "by-name",
  entries: (snapshot, options) => entries(opened, snapshot, options),
  storedSizes: storedSizes(opened),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
  forget: (snapshots) => forget(opened, snapshots),
})
