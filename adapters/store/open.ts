/** Opens the store that a user names by a path or URL. */
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ObjectStore, StoreError } from "../../stages/pack/store.ts"
import { localStore } from "./local/local.ts"
import { memoryStore } from "./memory/memory.ts"
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
    return yield* new StoreError({ reason: "not-found", name: "", message: `There is no store ${location}` })
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
        name: "",
        message: `"${location}" is not the URL of a directory: write file:///path/to/it`,
        cause,
      }),
  })
  return yield* localStore.make(path, options)
})

const openSqlite = Effect.fnUntraced(function* (path: string, options: OpenStoreOptions) {
  if (path === "") {
    return yield* new StoreError({ reason: "invalid", name: "", message: `"sqlite:" needs a path: sqlite:backup.db` })
  }
  const { sqliteStore } = yield* Effect.promise(() => import("./sqlite/sqlite.ts"))
  return yield* sqliteStore.make(path, options)
})

const openS3 = Effect.fnUntraced(function* (location: string, options: OpenStoreOptions) {
  const { s3Store } = yield* Effect.promise(() => import("./s3/s3.ts"))
  return yield* s3Store.make(location, options)
})

/**
 * Opens a store by its location: a path, `file:///path`, `sqlite:path` (all objects in one file), `s3://bucket/prefix` or
 * `s3:https://host:port/bucket/prefix`, or `memory:name` (the same store for all who open that name in this
 * process, as long as it runs). Remote stores are retried, limited and counted, see `surround`; others are left as they are. Fails with `not-found` when there is nothing and `create` is not given, `invalid` for a location
 * that it does not know. A path with a colon in its first component needs `./` before it. The scope is for stores with connections.
 */
export const openStore = (
  location: string,
  options: OpenStoreOptions = {},
): Effect.Effect<ObjectStore, StoreError, Scope.Scope> => {
  // One letter is a drive of Windows.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(location)?.[1]?.toLowerCase()
  const raw = openRaw(scheme, location, options)
  return LOCAL.has(scheme) && options.log === undefined
    ? raw
    : Effect.flatMap(Effect.promise(() => import("./surround.ts")), ({ surround }) => surround(raw, options))
}

/** Schemes of stores that are never remote. */
const LOCAL: ReadonlySet<string | undefined> = new Set([undefined, "file", "sqlite", "memory"])

/** The store alone. */
const openRaw = (
  scheme: string | undefined,
  location: string,
  options: OpenStoreOptions,
): Effect.Effect<ObjectStore, StoreError, Scope.Scope> => {
  switch (scheme) {
    case undefined:
      return location === ""
        ? Effect.fail(
          new StoreError({
            reason: "invalid",
            name: "",
            message: "The location of the store is empty: give a path or URL",
          }),
        )
        : localStore.make(location, options)
    case "file":
      return openFile(location, options)
    case "sqlite":
      return openSqlite(location.slice("sqlite:".length), options)
    case "s3":
      return openS3(location, options)
    case "memory":
      return openMemory(location, options.create ?? false)
    default:
      return Effect.fail(
        new StoreError({
          reason: "invalid",
          name: "",
          message:
            `Cannot open a store by "${scheme}:": supported are a path (with ./ before it when it has a colon), file:, sqlite:, s3: and memory:`,
        }),
      )
  }
}
