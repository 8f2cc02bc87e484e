/**
 * FogSync Mark III: encrypted envelopes in blocks of 64 KiB that are named by their hash. SPEC.md has every byte.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { SqliteEngine } from "../../stages/catalog/sqlite.ts"
import { gzip } from "../../stages/compress/gzip.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import { Kernels, makeKernel } from "../../stages/kernel.ts"
import { ObjectStore } from "../../stages/pack/store.ts"
import type { Fidelity } from "../../stages/walk/source.ts"
import { type Format, refuseLike, refuseOthers, type Repository, RepositoryError } from "../format.ts"
import { guardedFormat } from "../guard.ts"
import { backup } from "./backup.ts"
import { check } from "./check.ts"
import { absent } from "./errors.ts"
import { rootId, ROOTS, SHARE } from "./names.ts"
import type { ListingKind, Opened } from "./opened.ts"
import { entries, snapshots } from "./read.ts"
import { rebuild } from "./rebuild.ts"
import { listRoots } from "./root.ts"
import { newShareId, readShare, shareKeys, writeShare } from "./share.ts"

/** How shares are written. Whatever the options, any share can be read. */
export interface FogsyncOptions {
  /** How new snapshots list: `json`, by default, one list for each directory; `tree`, one tree of all paths. */
  readonly listing?: ListingKind
  /** Whether the contents of files are compressed, where that pays; true by default. */
  readonly compress?: boolean
  /** Level of gzip: 0 to 9; 6 by default. */
  readonly level?: number
}

/** What a share keeps. Names in JSON are text; in the tree they are bytes. */
const fidelityOf = (listing: ListingKind): Fidelity => ({
  kinds: ["file", "directory", "symlink"],
  mode: "execute",
  owner: false,
  mtime: 1,
  hardlinks: false,
  sparse: false,
  byteNames: listing === "tree",
})

const formatWith = (options: FogsyncOptions): Format => {
  const { compress = true, level, listing = "json" } = options
  const fidelity = fidelityOf(listing)
  /** The share, as soon as its keys are known. */
  const opening = Effect.fnUntraced(function* (secrets: Parameters<Format["open"]>[0]) {
    const table = yield* Kernels
    const opened: Opened = {
      id: "",
      store: yield* ObjectStore,
      engine: yield* SqliteEngine,
      keys: yield* shareKeys(secrets, makeKernel(sha256, table)),
      gzip: makeKernel(gzip(level === undefined ? {} : { level }), table),
      compress,
      listing,
    }
    return opened
  })
  return {
    name: "fogsync",
    fidelity,
    recognise: Effect.flatMap(ObjectStore, (store) => isShare(store)),
    create: Effect.fnUntraced(function* (secrets, like) {
      yield* refuseLike("fogsync", like)
      yield* refuseOthers(secrets, "fogsync", ["key"])
      const store = yield* ObjectStore
      const exists = new RepositoryError({
        reason: "exists",
        message: `There is a share at ${store.properties.location} already`,
      })
      if (yield* isShare(store)) return yield* exists
      const opened = { ...yield* opening(secrets), id: newShareId() }
      if (!(yield* writeShare(store, opened.keys, opened.id))) return yield* exists
      return repository(opened, fidelity)
    }),
    open: Effect.fnUntraced(function* (secrets) {
      yield* refuseOthers(secrets, "fogsync", ["key"])
      const store = yield* ObjectStore
      if (!(yield* isShare(store))) {
        return yield* new RepositoryError({
          reason: "none",
          message: `There is no share at ${store.properties.location}`,
        })
      }
      const opened = yield* opening(secrets)
      return repository({ ...opened, id: yield* identify(opened) }, fidelity)
    }),
  }
}

/** FogSync with options of one's own. */
export const makeFogsync = (options: FogsyncOptions = {}): Format => guardedFormat(formatWith(options))

/** FogSync with a listing in JSON for each directory. */
export const fogsync: Format = makeFogsync()

const repository = (opened: Opened, fidelity: Fidelity): Repository => ({
  format: "fogsync",
  id: opened.id,
  backup: (stream, options) => backup(opened, fidelity, stream, options),
  snapshots: snapshots(opened),
  entries: (snapshot, options) => entries(opened, snapshot, options),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
})

const isShare = Effect.fnUntraced(function* (store: ObjectStore) {
  if ((yield* absent(store.stat(SHARE))) !== undefined) return true
  const root = yield* Stream.runHead(Stream.filter(store.list(ROOTS), ({ name }) => rootId(name) !== undefined))
  return Option.isSome(root)
})

/** The ID of a share, from `FOGSYNC`, or when that is lost from a root. Whatever opens shows that the key is the right one. */
const identify = Effect.fnUntraced(function* (opened: Opened) {
  const said = yield* readShare(opened.store, opened.keys).pipe(
    Effect.catchTag(
      "RepositoryError",
      (error) => error.reason === "newer" ? Effect.fail(error) : Effect.succeed(error),
    ),
  )
  if (typeof said === "string") return said
  const { damaged, roots } = yield* listRoots(opened)
  const id = roots.find(({ share }) => share !== undefined)?.share
  if (id !== undefined) {
    yield* Effect.logWarning(`${said?.message ?? `${SHARE} is missing`}. Run "penstock rebuild"`)
    return id
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
