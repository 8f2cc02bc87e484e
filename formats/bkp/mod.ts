/**
 * The bkp format: one tree per client, chunks shared by all. SPEC.md has every byte.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { Kernels } from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import type { Format } from "../format.ts"
import { refuseLike, refuseOthers } from "../secrets.ts"
import type { Repository } from "../repository.ts"
import { RepositoryError } from "../error.ts"
import { guardedFormat } from "../guard.ts"
import { backup, fidelity, recordFidelity } from "./backup.ts"
import { check } from "./check.ts"
import { CONFIG, decodeConfig, encodeConfig, isConfig } from "./config.ts"
import { absent, created } from "./errors.ts"
import { CONFIG_BYTES } from "./limits.ts"
import { makeOpened, type Opened, type WriteOptions } from "./opened.ts"
import { isOwnPack } from "./layout.ts"
import { entries } from "./read.ts"
import { rebuild } from "./rebuild.ts"
import { snapshots } from "./snapshot.ts"
import type { KeyScheme } from "./object_cipher.ts"
import { newConfig, unlock } from "./unlock.ts"

/** How repositories are made and written. Whatever the options, any repository can be read. */
export interface BkpOptions extends WriteOptions {
  /** Iterations of PBKDF2 for new passwords. */
  readonly iterations?: number
  /** Keys of new repositories: one for each object, or `one` for all, as the program of the document had it. */
  readonly keys?: KeyScheme
}

/** OWASP's password storage recommendation for PBKDF2-HMAC-SHA256. */
const DEFAULT_ITERATIONS = 600_000

const formatWith = (options: BkpOptions): Format => ({
  name: "bkp",
  fidelity,
  record: recordFidelity,
  // Named by their content, or at random.
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
    // The document knows no config: what another program wrote after it, not encrypted, is read all the same.
    const plain = encodeConfig({ format: "bkp", version: 1, id: NO_ID, encryption: null })
    const cipher = yield* unlock(decodeConfig(plain), password, location, table)
    const config = (yield* hasOwnPacks(store)) ? plain : undefined
    return repository(makeOpened({ id: NO_ID, store, cipher, table, config }, options))
  }),
})

/** The bkp format with options of one's own. Without a password, new repositories are not encrypted. */
export const makeBkp = (options: BkpOptions = {}): Format => guardedFormat(formatWith(options))

/** ID of a repository without a config. */
const NO_ID = "0".repeat(32)

const hasHeads = (store: ObjectStore): Effect.Effect<boolean, StoreError> =>
  store.list("heads/").pipe(
    Stream.filter(({ size }) => size === 32),
    Stream.take(1),
    Stream.runCount,
    Effect.map((count) => count > 0),
  )

/** Whether there are packfiles as only this program names them: then there was a config. */
const hasOwnPacks = (store: ObjectStore): Effect.Effect<boolean, StoreError> =>
  Stream.concat(store.list("metadata/"), store.list("blocks/")).pipe(
    Stream.filter(({ name }) => isOwnPack(name)),
    Stream.take(1),
    Stream.runCount,
    Effect.map((count) => count > 0),
  )

/** The bkp format. */
export const bkp: Format = makeBkp()

const repository = (opened: Opened): Repository => ({
  format: "bkp",
  id: opened.id,
  backup: (stream, options) => backup(opened, stream, options),
  snapshots: snapshots(opened),
  entries: (snapshot, options) => entries(opened, snapshot, options),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
})
