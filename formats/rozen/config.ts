/** `ROZEN.json`: says that this is a repository, and of which version. */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { fromJson } from "../json.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { absent, created } from "../../stages/store/absent.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { type ObjectStore, StoreError } from "../../stages/store/store.ts"
import { concernsObject, isUnreadable } from "../../stages/store/unreadable.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { Repository } from "../repository.ts"
import { asDamage, corrupt, isDamage } from "./errors.ts"
import { encodeJson } from "./json.ts"
import { keyNames, subkey } from "./keys.ts"
import { CONFIG_BYTES } from "./limits.ts"

export const CONFIG = "ROZEN.json"

/** Version 1 stores block version 1; version 0 is the document's. */
export interface Config {
  readonly Version: 0 | 1
  readonly Id: string
}

const Version = Schema.Struct({ Version: Schema.Int })

const mac = (config: Config, master: Redacted.Redacted<Uint8Array>): string =>
  bytesToHex(blake3(encodeJson(config), { key: Redacted.value(subkey(master, "config")) }))

export const encodeConfig = (config: Config, master: Redacted.Redacted<Uint8Array>): Uint8Array =>
  encodeJson({ ...config, Mac: mac(config, master) })

const AGAIN = `move it out of the repository, then run "penstock rebuild" to make it again`
const damaged = (): RepositoryError => corrupt(CONFIG, `${CONFIG} was altered or is damaged; ${AGAIN}`)

/** Throws RepositoryError `corrupt` or `newer`. */
const configVersion = (bytes: Uint8Array): 0 | 1 => {
  let version: number
  try {
    version = fromJson(Version, bytes).Version
  } catch {
    throw damaged()
  }
  if (version === 0 || version === 1) return version
  throw new RepositoryError({
    reason: "newer",
    object: CONFIG,
    message: `The repository has version ${version}; this Penstock reads 0 and 1, so use a later one`,
  })
}

const missing = (): RepositoryError => corrupt(CONFIG, `${CONFIG} is missing; "penstock rebuild" makes it again`)

/** The bytes of the file, or undefined when there is none. */
const readConfig = (store: ObjectStore): Effect.Effect<Uint8Array | undefined, StoreError> =>
  absent(store.get(CONFIG, { atMost: CONFIG_BYTES })).pipe(
    Effect.mapError((error) =>
      error.reason === "corrupt" ? new StoreError({ ...error, message: `${error.message}; ${AGAIN}` }) : error
    ),
  )

/** Whether there is the file, or a key: as far as they can be read. */
export const isThere = (store: ObjectStore): Effect.Effect<boolean, StoreError> =>
  Effect.flatMap(
    Effect.catchIf(readConfig(store), concernsObject, () => Effect.succeed(undefined)),
    (config) => config === undefined ? Effect.map(keyNames(store), ({ length }) => length > 0) : Effect.succeed(true),
  )

/** The file, before anything is known of its keys. */
interface Said {
  readonly bytes: Uint8Array
  readonly version: 0 | 1
}

/**
 * What the file says; undefined when there is none, and why when it cannot be read: nothing depends on it. Fails with
 * `corrupt` or `newer`.
 */
export const readVersion = (store: ObjectStore): Effect.Effect<Said | RepositoryError | undefined, FormatError> =>
  Effect.catchIf(
    readingTwice(
      Effect.flatMap(
        readConfig(store),
        (bytes) => catching(RepositoryError, () => bytes && { bytes, version: configVersion(bytes) }),
      ),
    ),
    isUnreadable,
    (error) => Effect.succeed(error as RepositoryError),
  )

/** The version that it said; undefined when it did not. */
export const versionOf = (said: Said | RepositoryError | undefined): 0 | 1 | undefined =>
  said === undefined || said instanceof RepositoryError ? undefined : said.version

/**
 * The repository; with a warning when the file is not to be had: then the next that writes makes it again. Fails with
 * `corrupt` when it is another than it should be: somebody may have put it there.
 */
export const withConfig: (
  said: Said | RepositoryError | undefined,
  store: ObjectStore,
  config: Uint8Array,
  repository: Repository,
) => Effect.Effect<Repository, FormatError> = Effect.fnUntraced(function* (said, store, config, repository) {
  if (said === undefined || said instanceof RepositoryError) {
    yield* Effect.logWarning((said ?? missing()).message)
    return completing(repository, store, config)
  }
  if (!isConfig(said.bytes, config)) yield* verifyConfig(store, config)
  return repository
})

/** Fails with `corrupt` when the file is not what it should be. */
export const verifyConfig = (store: ObjectStore, config: Uint8Array): Effect.Effect<void, FormatError> =>
  readingTwice(
    Effect.flatMap(readConfig(store), (bytes) =>
      catching(RepositoryError, () => {
        if (bytes === undefined) throw missing()
        if (!isConfig(bytes, config)) throw damaged()
      })),
  )

/** Whether the file is what it should be. */
const isConfig = (bytes: Uint8Array, config: Uint8Array): boolean =>
  bytes.length === config.length && bytes.every((byte, i) => byte === config[i])

const readingTwice = <A>(read: Effect.Effect<A, FormatError>): Effect.Effect<A, FormatError> =>
  Effect.mapError(readTwice(CONFIG, read), asDamage(CONFIG))

/** Writes the file when it is missing. */
const ensureConfig = (store: ObjectStore, config: Uint8Array): Effect.Effect<void, StoreError> =>
  Effect.asVoid(created(store.put(CONFIG, [config])))

/** Writes the file when it is missing, or not what it should be. */
export const mendConfig = (store: ObjectStore, config: Uint8Array): Effect.Effect<void, FormatError> =>
  Effect.catchIf(verifyConfig(store, config), isDamage, () => store.put(CONFIG, [config], { replace: true }))

/**
 * The repository without its config, as after a run that was killed while it made the repository: the next that writes
 * completes it.
 */
const completing = (repository: Repository, store: ObjectStore, config: Uint8Array): Repository => {
  const { backup, copier } = repository
  return {
    ...repository,
    backup: (entries, options) =>
      Effect.andThen(options.dryRun === true ? Effect.void : ensureConfig(store, config), backup(entries, options)),
    ...(copier === undefined ? {} : {
      copier: (from) => {
        const made = copier(from)
        return made === undefined ? undefined : Effect.andThen(ensureConfig(store, config), made)
      },
    }),
  }
}
