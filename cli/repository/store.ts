/** The store that a repository lies in, with what the options put around it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync, lstatSync, readlinkSync, type Stats, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { cacheDirectory } from "../../adapters/store/cache/directory.ts"
import type { StoreCounts } from "../../adapters/store/counting/counts.ts"
import type { OpenStoreOptions } from "../../adapters/store/open/open.ts"
import type { Retry } from "../../adapters/store/retry/retrier.ts"
import type { Format } from "../../formats/format.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { UsageError } from "../process/usage_error.ts"
import type { StoreInput } from "../arguments/inputs.ts"
import { printError } from "../output/output.ts"
import { localPath } from "../source/roots.ts"
import { countTraffic } from "../output/traffic.ts"

/** What the options say about stores. */
export interface StoreOptions extends StoreInput {
  readonly quiet: boolean
}

/** The name of the only object where no format is known yet. All formats that are one file agree on it. */
export const ANY_FILE = "archive.zprt"

/** Opens what is not a file. */
export type StoreOpener = (
  location: string,
  options: OpenStoreOptions,
) => Effect.Effect<ObjectStore, StoreError, Scope.Scope>

/** The opener in use. */
export const Stores: Context.Reference<StoreOpener> = Context.Reference("penstock/cli/Stores", {
  defaultValue: (): StoreOpener => (location, options) =>
    Effect.flatMap(
      Effect.promise(() => import("../../adapters/store/open/open.ts")),
      ({ openStore }) => openStore(location, options),
    ),
})

/** The store at a location: the file itself, when it is one or `file` says that it is to be one. */
export const openStore: (
  location: string,
  options: StoreOptions,
  file: string | undefined,
  create: boolean,
) => Effect.Effect<ObjectStore, StoreError | UsageError, Scope.Scope> = Effect.fnUntraced(
  function* (location, options, file, create) {
    const path = localPath(location)
    const name = path === undefined ? undefined : isFile(path) ? file ?? ANY_FILE : isThere(path) ? undefined : file
    const around = yield* aroundOf(options)
    if (path !== undefined && name !== undefined) {
      const { singleFileStore } = yield* Effect.promise(() => import("../../adapters/store/single_file/single_file.ts"))
      const opened = singleFileStore.make(path, name, { create })
      if (around.log === undefined) return yield* opened
      const { surround } = yield* Effect.promise(() => import("../../adapters/store/open/surround.ts"))
      return yield* surround(opened, around)
    }
    const store = yield* (yield* Stores)(location, { ...around, create })
    if (store.properties.remote === true) countTraffic(store.properties.location, around.counts)
    return store
  },
)

/** The store with the cache of this machine, when it is remote and the format has something to cache. */
export const cached = (
  store: ObjectStore,
  { cacheable }: Format,
  { cacheDir, noCache }: StoreOptions,
): Effect.Effect<ObjectStore> =>
  noCache || cacheable === undefined || store.properties.remote !== true ? Effect.succeed(store) : Effect.map(
    Effect.promise(() => import("../../adapters/store/cache/cache.ts")),
    ({ cache }) => cache(store, { ...cacheable, directory: cacheDir ?? cacheDirectory() }),
  )

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

/** Bytes per second. */
const rateOf = (option: string, value: string | undefined): Effect.Effect<number | undefined, UsageError> => {
  if (value === undefined) return Effect.succeed(undefined)
  const rate = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1024 : 0
  return rate > 0 ? Effect.succeed(rate) : Effect.fail(
    new UsageError({ message: `--${option} "${value}" is not a rate; give KiB per second, such as --${option} 500` }),
  )
}

/** Short hiccups are not worth telling. In milliseconds. */
const PATIENCE = 3000

/** Tells that the store does not answer, once for all operations that wait. */
const tellRetries = (): (retry: Retry) => Effect.Effect<void> => {
  let told = 0
  return ({ error, tried, wait }) =>
    Effect.sync(() => {
      const now = performance.now()
      if (tried + wait < PATIENCE || now < told) return
      told = now + wait
      printError(
        `penstock: the store does not answer (${error.message}); trying again in ${Math.ceil(wait / 1000)} s`,
      )
    })
}

/** Undefined where there is nothing; also where there is no telling: what opens it says why. */
const whatIs = (path: string): Stats | undefined => {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** The symbolic link that leads a path to where nothing is: it itself, or a directory above it. */
export const danglingLink = (path: string): { readonly link: string; readonly target: string } | undefined => {
  for (let link = resolve(path); !existsSync(link); link = dirname(link)) {
    try {
      if (lstatSync(link).isSymbolicLink()) return { link, target: readlinkSync(link) }
    } catch {
      // Nothing is there, or what is above it cannot be read: that is said when it is opened.
    }
    if (link === dirname(link)) break
  }
  return undefined
}

const isThere = (path: string): boolean => whatIs(path) !== undefined
/** Whether there is a file at a path. */
export const isFile = (path: string): boolean => whatIs(path)?.isFile() === true
