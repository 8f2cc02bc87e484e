/**
 * The rozen format, block version 0: one file is one object, as in the first sketch of the format. SPEC.md describes
 * every byte.
 *
 * Make new repositories in version 1 (`rozen`): this version stores a whole catalog with every run, and an object for
 * every file.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { Kernels } from "../../../stages/kernel/kernel.ts"
import { Ed25519, provenEd25519 } from "../../../stages/sign/sign.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"
import { concernsObject } from "../../../stages/store/unreadable.ts"
import { treeFidelity } from "../../../stages/walk/fidelity.ts"
import { RepositoryError } from "../../error.ts"
import type { Format } from "../../format.ts"
import { guardedFormat } from "../../guard.ts"
import { wholeRecord } from "../../record_fidelity.ts"
import { objectSizes } from "../../object_sizes.ts"
import type { Repository } from "../../repository.ts"
import { refuseLike } from "../../secrets.ts"
import { type ConfigOf, configOf, readVersion, versionOf, withConfig } from "../config.ts"
import { admitSecrets, createObjects, noRepository } from "../create.ts"
import type { ScryptCost } from "../key_lock.ts"
import type { KeyOptions } from "../key_make.ts"
import type { Opening } from "../key_open.ts"
import { hasLock, keyNames } from "../key_read.ts"
import { fingerprintOf } from "../keyring.ts"
import { newSecret } from "../keys.ts"
import { openSecrets } from "../open_secrets.ts"
import { makeKeys } from "../repository_keys.ts"
import { backup } from "./backup.ts"
import { check } from "./check.ts"
import { contentIdIn, makeLayout, type WriteOptions } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { makeReader } from "./read.ts"
import { rebuild } from "./rebuild.ts"

/** How repositories are made and written. Any repository of version 0 can be read, whatever the options. */
export interface RozenV0Options extends WriteOptions {
  /** Cost of scrypt for new passwords: 32 MiB and three passes by default. */
  readonly scrypt?: ScryptCost
  /** Who makes keys, `user@host`: each key says it. Empty by default. */
  readonly by?: string
}

const formatWith = (options: RozenV0Options): Format => {
  const keys: KeyOptions = { by: options.by, cost: options.scrypt }
  const repositoryWith = Effect.fnUntraced(function* (
    store: ObjectStore,
    opening: Opening,
    config: ConfigOf,
  ) {
    const engine = yield* SqliteEngine
    const { keyring: { id }, secrets } = opening
    // It has owners only, and one epoch.
    if (secrets === undefined) return yield* new RepositoryError({ reason: "unsupported", message: NOT_OWNER })
    const layout = makeLayout(id, secrets.masters[0]!, yield* Kernels, options)
    return repositoryOf({ id, opening, store, engine, layout, config }, keys)
  })
  return {
    name: "rozen-v0",
    fidelity: treeFidelity,
    record: wholeRecord,
    recognise: Effect.gen(function* () {
      const store = yield* ObjectStore
      const version = yield* storedVersion(store)
      // A key alone may be of either version.
      return version === 0 || (version === undefined && hasLock(yield* keyNames(store)))
    }),
    create: Effect.fnUntraced(function* (secrets, like) {
      yield* refuseLike("rozen-v0", like)
      yield* admitSecrets(secrets, "rozen-v0", false)
      const store = yield* ObjectStore
      const { config, ...made } = yield* createObjects(store, {
        version: 0,
        secrets,
        keys,
        chunks: Effect.sync(newSecret),
      })
      return yield* repositoryWith(store, made, config)
    }),
    open: Effect.fnUntraced(function* (secrets) {
      yield* admitSecrets(secrets, "rozen-v0", true)
      const store = yield* ObjectStore
      const stored = yield* readVersion(store)
      if (stored === undefined && !hasLock(yield* keyNames(store)) && secrets.paper === undefined) {
        return yield* noRepository(store)
      }
      if ((versionOf(stored) ?? 0) !== 0) {
        return yield* new RepositoryError({
          reason: "foreign",
          message: `The repository at ${store.properties.location} is not of version 0`,
        })
      }
      const opening = yield* openSecrets(store, secrets, stored)
      const config = configOf(provenEd25519(yield* Ed25519), 0, opening)
      return yield* withConfig(stored, store, config, yield* repositoryWith(store, opening, config))
    }),
  }
}

/**
 * Makes block version 0 of the rozen format with the given options.
 *
 * @example Make a repository whose objects can be read without Penstock
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { makeRozenV0, ObjectStore } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const stored = Effect.gen(function* () {
 *   const format = makeRozenV0({ encryption: "none", compression: "none" })
 *   const repository = yield* format.create({ password: Redacted.make("correct horse battery staple") })
 *   yield* repository.backup(Stream.succeed(file), { paths: ["/home/me"] })
 *   const store = yield* ObjectStore
 *   const objects = yield* Stream.runCollect(store.list("DATA/"))
 *   const { name } = objects.find(({ name }) => name.endsWith(".roz"))!
 *   return yield* store.get(name, { offset: -2, length: 2 })
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = stored.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.deepEqual(await Effect.runPromise(program), file.content)
 * ```
 */
export const makeRozenV0 = (options: RozenV0Options = {}): Format => guardedFormat(formatWith(options))

/**
 * Block version 0 of the rozen format, encrypted and compressed.
 *
 * @example Convert a repository of version 0 to version 1
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { convert, ObjectStore, rozen, rozenV0 } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const outcomes = Effect.gen(function* () {
 *   const secrets = { password: Redacted.make("correct horse battery staple") }
 *   const from = yield* Effect.provideService(rozenV0.create(secrets), ObjectStore, yield* memoryStore.make())
 *   const to = yield* Effect.provideService(rozen.create(secrets), ObjectStore, yield* memoryStore.make())
 *   yield* from.backup(Stream.succeed(file), { paths: ["/home/me"] })
 *   return yield* Stream.runCollect(convert(from, to))
 * })
 *
 * const program = outcomes.pipe(Effect.scoped, Effect.provide(accelerators))
 * assert.deepEqual((await Effect.runPromise(program)).map(({ outcome }) => outcome), ["converted"])
 * ```
 */
export const rozenV0: Format = makeRozenV0()

const NOT_OWNER = "A repository of block version 0 is opened with a key of an owner only"

const repositoryOf = (opened: Opened, options: KeyOptions): Repository => ({
  format: "rozen-v0",
  id: opened.id,
  fingerprint: fingerprintOf(opened.opening.keyring),
  epoch: opened.opening.pin.epoch,
  order: "files-first",
  ...makeReader(opened),
  backup: (entries, options) => backup(opened, entries, options),
  storedSizes: objectSizes(opened.store, { directory: "DATA/", idOf: contentIdIn }),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
  keys: makeKeys({ ...opened, options, roles: ["owner"], snapshotsOf: () => Effect.succeed([]) }),
})

/**
 * The version of the rozen repository in a store: what `ROZEN.json` says, or when that is lost or damaged the block
 * version of an object. Undefined when there is neither.
 */
export const storedVersion: (store: ObjectStore) => Effect.Effect<number | undefined, StoreError> = Effect.fnUntraced(
  function* (store) {
    const told = yield* Effect.option(readVersion(store))
    const version = Option.isSome(told) ? versionOf(told.value) : undefined
    if (version !== undefined) return version
    for (const directory of ["INDEX/", "DATA/"]) {
      const found = yield* store.list(directory).pipe(
        Stream.filter(({ name, size }) => size > 9 && /\.(idx|roz|roz-log)$/.test(name)),
        Stream.rechunk(1),
        Stream.mapEffect(({ name }) =>
          Effect.catchIf(
            store.get(name, { offset: 8, length: 1 }),
            concernsObject,
            () => Effect.succeed(new Uint8Array(0)),
          )
        ),
        Stream.filter(({ length }) => length > 0),
        Stream.runHead,
      )
      if (Option.isSome(found)) return found.value[0]
    }
    return undefined
  },
)
