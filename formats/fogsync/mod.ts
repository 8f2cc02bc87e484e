/**
 * FogSync Mark III: encrypted envelopes in blocks of 64 KiB that are named by their hash. SPEC.md has every byte.
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
import { backup, fidelityOf } from "./backup.ts"
import { check } from "./check.ts"
import { SHARE } from "./layout.ts"
import type { ListingKind, Opened } from "./opened.ts"
import { entries, snapshots } from "./read.ts"
import { rebuild } from "./rebuild.ts"
import { listRoots } from "./snapshot.ts"
import { newShareId, readConfig, shareKeys, writeConfig } from "./config.ts"
import { isShare, namedShares, nameProblem, storeOf } from "./shares.ts"

/** How shares are written. Whatever the options, any share can be read. */
export interface FogsyncOptions {
  /**
   * How the snapshots of a share that is made list: `json`, by default, one list for each directory; `tree`, one tree
   * of all paths. One that is there lists as its newest snapshot does.
   */
  readonly listing?: ListingKind
  /** The name of the share. A store may hold several, each with a key of its own, besides the one without a name. */
  readonly share?: string
  /** Whether the contents of files are compressed, where that pays; true by default. */
  readonly compress?: boolean
  /** Level of gzip: 0 to 9; 6 by default. */
  readonly level?: number
}

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
  /** The share, as soon as its keys are known. */
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

/** FogSync with options of one's own. */
export const makeFogsync = (options: FogsyncOptions = {}): Format => guardedFormat(formatWith(options))

/** FogSync with a listing in JSON for each directory. */
export const fogsync: Format = makeFogsync()

const repository = (opened: Opened): Repository => ({
  format: "fogsync",
  id: opened.id,
  backup: (stream, options) => backup(opened, stream, options),
  snapshots: snapshots(opened),
  entries: (snapshot, options) => entries(opened, snapshot, options),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
})

/**
 * Which share it is, from `FOGSYNC`, or when that is lost from the newest root. Whatever opens shows that the key is
 * the right one.
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
      ? `Nothing at ${opened.store.properties.location} opens with this key: it is another share's, or all was altered`
      : error?.message ?? `${SHARE} is missing, and no root says which share this is`,
  })
})
