/**
 * The rozen format, block version 0: one file is one object, as the first sketch of the format has it. SPEC.md has
 * every byte.
 *
 * New repositories are better made in version 1 (`rozen`): this one stores a whole catalog with every run and an object
 * for every file. @module
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { treeFidelity } from "../../../stages/walk/fidelity.ts"
import { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { Kernels } from "../../../stages/kernel/kernel.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"
import { concernsObject } from "../../../stages/store/unreadable.ts"
import type { Format } from "../../format.ts"
import { refuseLike, refuseOthers } from "../../secrets.ts"
import type { Repository } from "../../repository.ts"
import { RepositoryError } from "../../error.ts"
import { guardedFormat } from "../../guard.ts"
import { wholeRecord } from "../../record_fidelity.ts"
import { CONFIG, encodeConfig, isThere, readVersion, versionOf, withConfig } from "../config.ts"
import { DEFAULT_COST, keyNames, newMaster, type ScryptCost, writeKey } from "../keys.ts"
import { unlock } from "../unlock.ts"
import { backup } from "./backup.ts"
import { check } from "./check.ts"
import { makeLayout, type Opened, type WriteOptions } from "./layout.ts"
import { entries, snapshots } from "./read.ts"
import { rebuild } from "./rebuild.ts"

/** How repositories are made and written. Whatever the options, any repository of version 0 can be read. */
export interface RozenV0Options extends WriteOptions {
  /** Cost of scrypt for new passwords: 32 MiB and three passes by default. */
  readonly scrypt?: ScryptCost
}

const formatWith = (options: RozenV0Options): Format => {
  const opened = Effect.fnUntraced(function* (
    store: ObjectStore,
    id: string,
    master: Redacted.Redacted<Uint8Array>,
  ) {
    return repository({
      id,
      master,
      store,
      engine: yield* SqliteEngine,
      layout: makeLayout(id, master, yield* Kernels, options),
      config: encodeConfig({ Version: 0, Id: id }, master),
    })
  })
  return {
    name: "rozen-v0",
    fidelity: treeFidelity,
    record: wholeRecord,
    recognise: Effect.gen(function* () {
      const store = yield* ObjectStore
      const version = yield* storedVersion(store)
      // A key alone is of either version.
      return version === 0 || (version === undefined && (yield* keyNames(store)).length > 0)
    }),
    create: Effect.fnUntraced(function* (secrets, like) {
      yield* refuseLike("rozen-v0", like)
      yield* refuseOthers(secrets, "rozen-v0", ["password"])
      const { password } = secrets
      const store = yield* ObjectStore
      const exists = new RepositoryError({
        reason: "exists",
        message: `There is a repository at ${store.properties.location} already`,
      })
      if (yield* isThere(store)) return yield* exists
      if (password === undefined) {
        return yield* new RepositoryError({ reason: "wrong-key", message: "A new repository needs a password" })
      }
      const id = bytesToHex(crypto.getRandomValues(new Uint8Array(16)))
      const master = newMaster()
      yield* writeKey(store, { id, master }, password, options.scrypt ?? DEFAULT_COST)
      yield* store.put(CONFIG, [encodeConfig({ Version: 0, Id: id }, master)]).pipe(
        Effect.catchTag("StoreError", (error) => Effect.fail(error.reason === "exists" ? exists : error)),
      )
      return yield* opened(store, id, master)
    }),
    open: Effect.fnUntraced(function* (secrets) {
      yield* refuseOthers(secrets, "rozen-v0", ["password"])
      const store = yield* ObjectStore
      const said = yield* readVersion(store)
      if (said === undefined && (yield* keyNames(store)).length === 0) {
        return yield* new RepositoryError({
          reason: "none",
          message: `There is no repository at ${store.properties.location}`,
        })
      }
      if ((versionOf(said) ?? 0) !== 0) {
        return yield* new RepositoryError({
          reason: "foreign",
          message: `The repository at ${store.properties.location} is not of version 0`,
        })
      }
      const { id, master } = yield* unlock(store, secrets)
      return yield* withConfig(
        said,
        store,
        encodeConfig({ Version: 0, Id: id }, master),
        yield* opened(store, id, master),
      )
    }),
  }
}

/** Version 0 with options of one's own. */
export const makeRozenV0 = (options: RozenV0Options = {}): Format => guardedFormat(formatWith(options))

/** Version 0 as the document has it, encrypted and compressed. */
export const rozenV0: Format = makeRozenV0()

const repository = (opened: Opened): Repository => ({
  format: "rozen-v0",
  id: opened.id,
  backup: (stream, options) => backup(opened, stream, options),
  snapshots: snapshots(opened),
  entries: (snapshot, options) => entries(opened, snapshot, options),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
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
