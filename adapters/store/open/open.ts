/** Opens the store that a user names by a path or URL. */
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { localStore } from "../local/local.ts"
import { memoryStore } from "../memory/memory.ts"
import type { SurroundOptions } from "./surround.ts"

/** How to open a store, and what is to stand around it. */
export interface OpenStoreOptions extends SurroundOptions {
  /** Make it when it is not there. Otherwise its absence is an error. */
  readonly create?: boolean
}

/** Stores in memory by name, for the life of the process. */
const memories = new Map<string, ObjectStore>()

const openMemory = Effect.fnUntraced(function* (location: string, create: boolean) {
  const before = memories.get(location)
  if (before) return before
  if (!create) {
    return yield* new StoreError({ reason: "not-found", object: "", message: `There is no store ${location}` })
  }
  const made = yield* memoryStore.make(location)
  memories.set(location, made)
  return made
})

const openFile = Effect.fnUntraced(function* (location: string, options: OpenStoreOptions) {
  const path = yield* Effect.try({
    try: () => {
      // A URL has no relative paths: "file:backup" would be /backup.
      if (!/^file:\//i.test(location)) throw new TypeError("relative")
      return fileURLToPath(location)
    },
    catch: (cause) =>
      new StoreError({
        reason: "invalid",
        object: "",
        message: `"${location}" is not the URL of a directory: write file:///path/to/it`,
        cause,
      }),
  })
  return yield* localStore.make(path, options)
})

const openSqlite = Effect.fnUntraced(function* (path: string, options: OpenStoreOptions) {
  if (path === "") {
    return yield* new StoreError({ reason: "invalid", object: "", message: `"sqlite:" needs a path: sqlite:backup.db` })
  }
  const { sqliteStore } = yield* Effect.promise(() => import("../sqlite/sqlite.ts"))
  return yield* sqliteStore.make(path, options)
})

/** A store whose code, with what it needs, is loaded when it is used. */
const lazily = (load: () => Promise<Opener>): Opener => (location, options) =>
  Effect.flatMap(Effect.promise(load), (make) => make(location, options))

type Opener = (location: string, options: OpenStoreOptions) => Effect.Effect<ObjectStore, StoreError, Scope.Scope>

const openS3 = lazily(() => import("../s3/s3.ts").then(({ s3Store }) => s3Store.make))
const openSftp = lazily(() => import("../sftp/sftp.ts").then(({ sftpStore }) => sftpStore.make))
const openWebdav = lazily(() => import("../webdav/webdav.ts").then(({ webdavStore }) => webdavStore.make))
const openHttp = lazily(() => import("../http/http.ts").then(({ httpStore }) => (location) => httpStore.make(location)))

const openPath: Opener = (path, options) =>
  path !== "" ? localStore.make(path, options) : Effect.fail(
    new StoreError({
      reason: "invalid",
      object: "",
      message: "The location of the store is empty: give a path or URL",
    }),
  )

/** Stores that are never remote, by the schemes of their URLs. */
const local: Readonly<Record<string, Opener>> = {
  file: openFile,
  sqlite: (location, options) => openSqlite(location.slice("sqlite:".length), options),
  memory: (location, options) => openMemory(location, options.create ?? false),
}

const remote: Readonly<Record<string, Opener>> = {
  s3: openS3,
  sftp: openSftp,
  webdav: openWebdav,
  "webdav+http": openWebdav,
  "webdav+https": openWebdav,
  http: openHttp,
  https: openHttp,
}

const unknown = (scheme: string): Opener => () =>
  Effect.fail(
    new StoreError({
      reason: "invalid",
      object: "",
      message: `Cannot open a store by "${scheme}:": supported are a path (with ./ before it when it has a colon), ` +
        Object.keys({ ...local, ...remote }).map((name) => `${name}:`).join(", "),
    }),
  )

/**
 * Opens a store by its location: a path, `file:///path`, `sqlite:path` (all objects in one file), `memory:name` (the
 * same store for all who open that name in this process, as long as it runs), `s3://bucket/prefix` or
 * `s3:https://host:port/bucket/prefix`, `sftp://user@host:port/absolute/path` or `sftp:user@host:path`,
 * `webdav+https://user@host/path`, or `https://host/path` (read-only). Each store's own documentation says more of its
 * locations. Remote stores are retried, limited and counted, see `surround`; others are left as they are.
 *
 * Fails with `not-found` when there is nothing and `create` is not given, `invalid` for a location that it does not
 * know. A path with a colon in its first component needs `./` before it. The scope is for stores with connections.
 */
export const openStore = (
  location: string,
  options: OpenStoreOptions = {},
): Effect.Effect<ObjectStore, StoreError, Scope.Scope> => {
  // One letter is a drive of Windows.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(location)?.[1]?.toLowerCase()
  const open = scheme === undefined ? openPath : local[scheme] ?? remote[scheme] ?? unknown(scheme)
  const raw = Effect.suspend(() => open(location, options))
  return (scheme === undefined || scheme in local) && options.log === undefined
    ? raw
    : Effect.flatMap(Effect.promise(() => import("./surround.ts")), ({ surround }) => surround(raw, options))
}
