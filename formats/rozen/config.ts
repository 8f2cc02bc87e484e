/** `ROZEN.json` says that there is a repository, and of which version. SPEC.md, "ROZEN.json". */
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
import { keyNames } from "./key_read.ts"
import { subkey, type Unlocked } from "./keys.ts"
import { CONFIG_BYTES } from "./limits.ts"

/** The name of the object. */
export const CONFIG = "ROZEN.json"

/** What it says. */
export interface Config {
  /** The block version of all objects. */
  readonly Version: 0 | 1
  /** The ID of the repository, 32 hex digits. */
  readonly Id: string
}

const Members = Schema.Struct({ Version: Schema.Int, Id: Schema.optionalKey(Schema.String) })

const mac = (config: Config, master: Redacted.Redacted<Uint8Array>): string =>
  bytesToHex(blake3(encodeJson(config), { key: Redacted.value(subkey(master, "config")) }))

/** The bytes of the object. */
export const encodeConfig = (config: Config, master: Redacted.Redacted<Uint8Array>): Uint8Array =>
  encodeJson({ ...config, Mac: mac(config, master) })

const AGAIN = `move it out of the repository, then run "penstock rebuild" to make it again`
const damaged = (): RepositoryError => corrupt(CONFIG, `${CONFIG} was altered or is damaged; ${AGAIN}`)

/** What the bytes of the object say. Throws RepositoryError `corrupt` or `newer`. */
const decodeConfig = (bytes: Uint8Array): StoredConfig => {
  let members: typeof Members.Type
  try {
    members = fromJson(Members, bytes)
  } catch {
    throw damaged()
  }
  const { Id: id = "", Version: version } = members
  if (version === 0 || version === 1) return { bytes, id, version }
  throw new RepositoryError({
    reason: "newer",
    object: CONFIG,
    message: `The repository has version ${version}; this Penstock reads 0 and 1, so use a later one`,
  })
}

const missing = (): RepositoryError => corrupt(CONFIG, `${CONFIG} is missing; "penstock rebuild" makes it again`)

/** The bytes of the object; undefined when there is none. */
const readConfig = (store: ObjectStore): Effect.Effect<Uint8Array | undefined, StoreError> =>
  absent(store.get(CONFIG, { atMost: CONFIG_BYTES })).pipe(
    Effect.mapError((error) =>
      error.reason === "corrupt" ? new StoreError({ ...error, message: `${error.message}; ${AGAIN}` }) : error
    ),
  )

/** Whether there is a repository: the config or a key. A config that cannot be read does not count. */
export const isThere = (store: ObjectStore): Effect.Effect<boolean, StoreError> =>
  Effect.flatMap(
    Effect.catchIf(readConfig(store), concernsObject, () => Effect.succeed(undefined)),
    (config) => config === undefined ? Effect.map(keyNames(store), ({ length }) => length > 0) : Effect.succeed(true),
  )

/** The object as read, before a key tells whether it is authentic. */
export interface StoredConfig {
  readonly bytes: Uint8Array
  readonly id: string
  readonly version: 0 | 1
}

/**
 * Reads the version from the config. Gives undefined when there is none, and the error when the store cannot read it,
 * because a repository can be opened without it. Fails with `corrupt` or `newer`.
 */
export const readVersion = (
  store: ObjectStore,
): Effect.Effect<StoredConfig | RepositoryError | undefined, FormatError> =>
  Effect.catchIf(
    readingTwice(
      Effect.flatMap(
        readConfig(store),
        (bytes) => catching(RepositoryError, () => bytes && decodeConfig(bytes)),
      ),
    ),
    isUnreadable,
    (error) => Effect.succeed(error as RepositoryError),
  )

/** The version that was read; undefined when none was. */
export const versionOf = (stored: StoredConfig | RepositoryError | undefined): 0 | 1 | undefined =>
  stored === undefined || stored instanceof RepositoryError ? undefined : stored.version

/** Whether a key belongs to the repository, as far as the config tells. */
export const fitsConfig = (stored: StoredConfig | RepositoryError | undefined, { id, master }: Unlocked): boolean =>
  stored === undefined || stored instanceof RepositoryError ||
  isConfig(stored.bytes, encodeConfig({ Version: stored.version, Id: id }, master))

/**
 * Checks the config against the key, and gives the repository. Warns when there is no config, or when it cannot be
 * read; then the next backup or copy writes it again. Fails with `corrupt` when it is not what the key says, because
 * somebody may have put it there. `config` is what it should be.
 */
export const withConfig: (
  stored: StoredConfig | RepositoryError | undefined,
  store: ObjectStore,
  config: Uint8Array,
  repository: Repository,
) => Effect.Effect<Repository, FormatError> = Effect.fnUntraced(function* (stored, store, config, repository) {
  if (stored === undefined || stored instanceof RepositoryError) {
    yield* Effect.logWarning((stored ?? missing()).message)
    return completing(repository, store, config)
  }
  if (!isConfig(stored.bytes, config)) yield* verifyConfig(store, config)
  return repository
})

/** Fails with `corrupt` when the config is missing or is not what it should be. */
export const verifyConfig = (store: ObjectStore, config: Uint8Array): Effect.Effect<void, FormatError> =>
  readingTwice(
    Effect.flatMap(readConfig(store), (bytes) =>
      catching(RepositoryError, () => {
        if (bytes === undefined) throw missing()
        if (!isConfig(bytes, config)) throw damaged()
      })),
  )

/** Whether the bytes are what they should be. */
const isConfig = (bytes: Uint8Array, config: Uint8Array): boolean =>
  bytes.length === config.length && bytes.every((byte, i) => byte === config[i])

const readingTwice = <A>(read: Effect.Effect<A, FormatError>): Effect.Effect<A, FormatError> =>
  Effect.mapError(readTwice(CONFIG, read), asDamage(CONFIG))

/** Writes the config when it is missing. */
const ensureConfig = (store: ObjectStore, config: Uint8Array): Effect.Effect<void, StoreError> =>
  Effect.asVoid(created(store.put(CONFIG, [config])))

/** Writes the config when it is missing or is not what it should be. */
export const mendConfig = (store: ObjectStore, config: Uint8Array): Effect.Effect<void, FormatError> =>
  Effect.catchIf(verifyConfig(store, config), isDamage, () => store.put(CONFIG, [config], { replace: true }))

/**
 * A repository whose config is missing, as after a run that was killed while it made the repository. A backup or a copy
 * writes the config first.
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
