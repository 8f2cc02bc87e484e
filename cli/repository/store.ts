/** The store that a repository lies in, with what the options put around it: limits, a log, retries, a cache. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { cacheDirectory } from "../../adapters/store/cache/directory.ts"
import type { StoreCounts } from "../../adapters/store/counting/counts.ts"
import type { OpenStoreOptions } from "../../adapters/store/open/open.ts"
import type { Retry } from "../../adapters/store/retry/retrier.ts"
import type { Format } from "../../formats/format.ts"
import { ARCHIVE } from "../../formats/zprt/layout.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import type { StoreInput } from "../arguments/inputs.ts"
import { printError } from "../output/streams.ts"
import type { Traffic } from "../output/traffic.ts"
import { UsageError } from "../process/usage_error.ts"
import { exists, isFile, localPath } from "./location.ts"

/** The options that concern stores. */
export interface StoreOptions extends StoreInput {
  readonly quiet: boolean
}

/** Opens a store that is not one file. */
export type StoreOpener = (
  location: string,
  options: OpenStoreOptions,
) => Effect.Effect<ObjectStore, StoreError, Scope.Scope>

/** The opener in use. By default it is `openStore` of the adapters. */
export const Stores: Context.Reference<StoreOpener> = Context.Reference("penstock/cli/Stores", {
  defaultValue: (): StoreOpener => (location, options) =>
    Effect.flatMap(
      Effect.promise(() => import("../../adapters/store/open/open.ts")),
      ({ openStore }) => openStore(location, options),
    ),
})

/** How a store is opened. */
export interface StoreMode {
  /** The name of the only object, if the format is one file. */
  readonly file: string | undefined
  /** Whether to make the store if it does not exist. */
  readonly create: boolean
}

/**
 * Opens the store at a location: a single file, or whatever else holds objects. A remote store is counted. Only zprt is
 * one file, so a file whose format is not known yet is taken for an archive of zprt.
 */
export const openStore: (
  location: string,
  options: StoreOptions,
  mode: StoreMode,
  traffic: Traffic,
) => Effect.Effect<ObjectStore, StoreError | UsageError, Scope.Scope> = Effect.fnUntraced(
  function* (location, options, { create, file }, traffic) {
    const path = localPath(location)
    const name = path === undefined ? undefined : isFile(path) ? file ?? ARCHIVE : exists(path) ? undefined : file
    const around = yield* aroundOf(options)
    if (path !== undefined && name !== undefined) {
      const { singleFileStore } = yield* Effect.promise(() => import("../../adapters/store/single_file/single_file.ts"))
      const opened = singleFileStore.make(path, name, { create })
      if (around.log === undefined) return yield* opened
      const { surround } = yield* Effect.promise(() => import("../../adapters/store/open/surround.ts"))
      return yield* surround(opened, around)
    }
    const store = yield* (yield* Stores)(location, { ...around, create })
    if (store.properties.remote === true) {
      traffic.stores.push({ location: store.properties.location, counts: around.counts })
    }
    return store
  },
)

/** The store behind the cache of this machine, if it is remote and the format has something to cache. */
export const withCache = (
  store: ObjectStore,
  { cacheable }: Format,
  { cacheDir, noCache }: StoreOptions,
): Effect.Effect<ObjectStore> =>
  noCache || cacheable === undefined || store.properties.remote !== true ? Effect.succeed(store) : Effect.map(
    Effect.promise(() => import("../../adapters/store/cache/cache.ts")),
    ({ cache }) => cache(store, { ...cacheable, directory: cacheDir ?? cacheDirectory() }),
  )

/** What the options put around a store. */
const aroundOf: (
  options: StoreOptions,
) => Effect.Effect<OpenStoreOptions & { readonly counts: StoreCounts }, UsageError> = Effect.fnUntraced(
  function* ({ limitDownload, limitUpload, logStore, quiet }) {
    const upload = yield* rateOf("limit-upload", limitUpload)
    const download = yield* rateOf("limit-download", limitDownload)
    const { makeCounts } = yield* Effect.promise(() => import("../../adapters/store/counting/counts.ts"))
    return {
      counts: makeCounts(),
      ...(logStore ? { log: { level: "Info" } as const } : {}),
      ...(upload === undefined && download === undefined ? {} : {
        limit: { ...(upload === undefined ? {} : { upload }), ...(download === undefined ? {} : { download }) },
      }),
      ...(quiet ? {} : { retry: { onRetry: tellRetries() } }),
    }
  },
)

/** KiB per second as text, made bytes per second. */
const rateOf = (option: string, value: string | undefined): Effect.Effect<number | undefined, UsageError> => {
  if (value === undefined) return Effect.succeed(undefined)
  const rate = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1024 : 0
  return rate > 0 ? Effect.succeed(rate) : Effect.fail(
    new UsageError({ message: `--${option} "${value}" is not a rate: give KiB per second, as in --${option} 500` }),
  )
}

/** How long a store may not answer before the user is told, in milliseconds. */
const PATIENCE_MS = 3000

/** Tells that the store does not answer: once for all operations that wait. */
const tellRetries = (): (retry: Retry) => Effect.Effect<void> => {
  let told = 0
  return ({ error, tried, wait }) =>
    Effect.sync(() => {
      const now = performance.now()
      if (tried + wait < PATIENCE_MS || now < told) return
      told = now + wait
      printError(
        `penstock: the store does not answer (${error.message}); trying again in ${Math.ceil(wait / 1000)} s`,
      )
    })
}
