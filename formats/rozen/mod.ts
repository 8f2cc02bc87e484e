/**
 * The rozen format, block version 1: the default repository. SPEC.md has every byte.
 * @module
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { treeFidelity } from "../../stages/walk/fidelity.ts"
import { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { MODE_LEVELS } from "../../stages/compress/mode.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Format } from "../format.ts"
import { refuseOthers } from "../secrets.ts"
import type { Repository } from "../repository.ts"
import { RepositoryError } from "../error.ts"
import { guardedFormat } from "../guard.ts"
import { wholeRecord } from "../record_fidelity.ts"
import { backup } from "./backup.ts"
import { check } from "./check.ts"
import { CONFIG, encodeConfig, isThere, readVersion, versionOf, withConfig } from "./config.ts"
import { makeCopier } from "./copy.ts"
import { DEFAULT_COST, keyNames, newMaster, type ScryptCost, type Unlocked, writeKey } from "./keys.ts"
import { type LayoutOptions, makeLayout } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { entries, type Listed, snapshots } from "./read.ts"
import { rebuild } from "./rebuild.ts"
import { unlock } from "./unlock.ts"
import { makeRozenV0, type RozenV0Options, storedVersion } from "./v0/mod.ts"

/** How repositories are made and written. Whatever the options, any repository can be read. */
export interface RozenOptions extends LayoutOptions {
  /** Cost of scrypt for new passwords: 32 MiB and three passes by default. */
  readonly scrypt?: ScryptCost
  /** Block version of a repository that is made; 1 by default. One that is there keeps its own. */
  readonly version?: 0 | 1
}

const formatWith = (options: RozenOptions): Format => ({
  name: "rozen",
  fidelity: treeFidelity,
  record: wholeRecord,
  // Snapshots have numbers, which may come again; logs are read by a rebuild only, which wants what the store has.
  cacheable: { config: CONFIG, holds: (name) => /^INDEX\/.*\.(map|catmap|cat)$/.test(name) },
  recognise: Effect.flatMap(ObjectStore, isThere),
  create: Effect.fnUntraced(function* (secrets, like) {
    if (options.version === 0) {
      return yield* makeRozenV0(optionsV0(options)).create(secrets, like)
    }
    yield* refuseOthers(secrets, "rozen", ["password"])
    const { password } = secrets
    const store = yield* ObjectStore
    const engine = yield* SqliteEngine
    const exists = new RepositoryError({
      reason: "exists",
      message: `There is a repository at ${store.properties.location} already`,
    })
    if (yield* isThere(store)) return yield* exists
    if (password === undefined) {
      return yield* new RepositoryError({ reason: "wrong-key", message: "A new repository needs a password" })
    }
    const master = like === undefined ? newMaster() : keyOf(like)
    if (master === undefined) {
      return yield* new RepositoryError({
        reason: "unsupported",
        message: "Only a repository of the format rozen, of block version 1, can give its key to a new one",
      })
    }
    const unlocked: Unlocked = { id: bytesToHex(crypto.getRandomValues(new Uint8Array(16))), master }
    // The key first: a repository without its config can be opened, one without its key cannot.
    yield* writeKey(store, unlocked, password, options.scrypt ?? DEFAULT_COST)
    const config = encodeConfig({ Version: 1, Id: unlocked.id }, unlocked.master)
    yield* store.put(CONFIG, [config]).pipe(
      Effect.catchTag("StoreError", (error) => Effect.fail(error.reason === "exists" ? exists : error)),
    )
    return repository({
      id: unlocked.id,
      store,
      engine,
      layout: makeLayout(unlocked.id, unlocked.master, options),
      config,
    }, unlocked.master)
  }),
  open: Effect.fnUntraced(function* (secrets) {
    yield* refuseOthers(secrets, "rozen", ["password"])
    const store = yield* ObjectStore
    const engine = yield* SqliteEngine
    const [said, keys] = yield* Effect.all([readVersion(store), keyNames(store)], { concurrency: 2 })
    if (said === undefined && keys.length === 0) {
      return yield* new RepositoryError({
        reason: "none",
        message: `There is no repository at ${store.properties.location}`,
      })
    }
    const version = versionOf(said) ?? (yield* storedVersion(store))
    if (version === 0) return yield* makeRozenV0(optionsV0(options)).open(secrets)
    const { id, master } = yield* unlock(store, secrets, keys)
    const written = encodeConfig({ Version: 1, Id: id }, master)
    const opened: Opened = { id, store, engine, layout: makeLayout(id, master, options), config: written }
    return yield* withConfig(said, store, written, repository(opened, master))
  }),
})

/** The rozen format with options of one's own. */
export const makeRozen = (options: RozenOptions = {}): Format => guardedFormat(formatWith(options))

/** The same for repositories of block version 0. */
const optionsV0 = ({ compression = "auto", scrypt }: RozenOptions): RozenV0Options => ({
  compression: compression === "off" ? "none" : "zstd",
  level: MODE_LEVELS[compression],
  ...(scrypt === undefined ? {} : { scrypt }),
})

/** The default repository. */
export const rozen: Format = makeRozen()

/** What is behind a repository, for others of the format. */
interface Inside {
  readonly opened: Opened
  readonly master: Redacted.Redacted<Uint8Array>
}

/**
 * Where it is: a member of the repository, so that a copy with other methods (`{ ...repository, backup }`) has it too.
 */
const INSIDE: unique symbol = Symbol("penstock/rozen")

const insideOf = (repository: Repository & { readonly [INSIDE]?: () => Inside }): Inside | undefined =>
  repository[INSIDE]?.()

/** The master key of a repository of this format. */
const keyOf = (repository: Repository): Redacted.Redacted<Uint8Array> | undefined => insideOf(repository)?.master

const repository = (opened: Opened, master: Redacted.Redacted<Uint8Array>): Repository => {
  const listed: Listed = new WeakMap()
  const inside: Inside = { opened, master }
  return {
    format: "rozen",
    id: opened.id,
    backup: (stream, options) => backup(opened, stream, options),
    snapshots: snapshots(opened, listed),
    entries: (snapshot, options) => entries(opened, listed, snapshot, options),
    check: (options) => check(opened, options),
    rebuild: rebuild(opened),
    copier: (from) => {
      const source = insideOf(from)
      return source === undefined ? undefined : makeCopier(source.opened, opened)
    },
    [INSIDE]: () => inside,
  } as Repository
}
