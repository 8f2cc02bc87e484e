/** Opens a store by the path or URL that a user gives. */
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { localStore } from "../local/local.ts"
import { memoryStore } from "../memory/memory.ts"
import type { SurroundOptions } from "./surround.ts"

/** How to open a store, and the options of the decorators around it. */
export interface OpenStoreOptions extends SurroundOptions {
  /** Make the store if it does not exist. Otherwise that is an error. */
  readonly create?: boolean
}

/**
 * The stores that `memory:name` opens. All who open that name in this process must get the same store, so this belongs
 * to the module. The objects live as long as the process.
 */
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
      // URLs have no relative paths: "file:backup" would mean /backup.
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

/** Loads the code of a store, and the packages that it needs, only when such a store is opened. */
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

/** Stores of this machine, by the schemes of their URLs. */
const local: Readonly<Record<string, Opener>> = {
  file: openFile,
  sqlite: (location, options) => openSqlite(location.slice("sqlite:".length), options),
  memory: (location, options) => openMemory(location, options.create ?? false),
}

/** Stores of the network, by the schemes of their URLs. */
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
      message:
        `Cannot open a store by "${scheme}:": write a path (with ./ before it if it has a colon), or a URL with ` +
        Object.keys({ ...local, ...remote }).map((name) => `${name}:`).join(", "),
    }),
  )

/**
 * Opens a store by its location:
 *
 * - a path, or `file:///path`. A path with a colon in its first component needs `./` before it.
 * - `sqlite:path`: all objects in one file.
 * - `memory:name`: the same store for all who open that name in this process, as long as it runs.
 * - `s3://bucket/prefix`, or `s3:https://host:port/bucket/prefix`.
 * - `sftp://user@host:port/absolute/path`, or `sftp:user@host:path`.
 * - `webdav+https://user@host/path`.
 * - `https://host/path`, which is read-only.
 *
 * The docstring of each store describes its locations. Remote stores get the decorators of {@link surround}; others
 * stay as they are. Stores with connections close them when the scope closes.
 *
 * Fails with `not-found` if there is no store and `create` is not set, and with `invalid` for an unknown location.
 *
 * @example Open a store by the location that a user gives
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { openStore } from "@penstock/penstock/adapters"
 *
 * await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
 *   const store = yield* openStore("memory:backups", { create: true })
 *   yield* store.put("DATA/a", [Uint8Array.of(1, 2, 3)])
 *   const same = yield* openStore("memory:backups")
 *   assert.equal((yield* same.stat("DATA/a")).size, 3)
 * })))
 * ```
 */
export const openStore = (
  location: string,
  options: OpenStoreOptions = {},
): Effect.Effect<ObjectStore, StoreError, Scope.Scope> => {
  // A scheme of one letter is a drive of Windows.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(location)?.[1]?.toLowerCase()
  const open = scheme === undefined ? openPath : local[scheme] ?? remote[scheme] ?? unknown(scheme)
  const raw = Effect.suspend(() => open(location, options))
  return (scheme === undefined || scheme in local) && options.log === undefined
    ? raw
    : Effect.flatMap(Effect.promise(() => import("./surround.ts")), ({ surround }) => surround(raw, options))
}
