/** `ROZEN.json` says that there is a repository, and of which version. SPEC.md, "ROZEN.json". */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fromJson } from "../json.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { absent, created } from "../../stages/store/absent.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { SignatureKernel } from "../../stages/sign/sign.ts"
import { type ObjectStore, StoreError } from "../../stages/store/store.ts"
import { concernsObject, isUnreadable } from "../../stages/store/unreadable.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { Facts } from "../inspection.ts"
import type { Repository } from "../repository.ts"
import { asDamage, corrupt, isDamage } from "./errors.ts"
import { decodeJson, encodeJson } from "./json.ts"
import type { Opening } from "./key_open.ts"
import { hasLock, keyNames } from "./key_read.ts"
import { isSigned, signRecord } from "./key_record.ts"
import { keyFor, type Keyring, type OwnerSecrets } from "./keyring.ts"
import { CONFIG_BYTES } from "./limits.ts"

/** The name of the object. */
export const CONFIG = "ROZEN.json"

/** The block version of all objects of a repository. */
export type Version = 0 | 1

const Members = Schema.Struct({ Version: Schema.Int, Id: Schema.optionalKey(Schema.String) })
const Whole = Schema.Struct({
  Version: Schema.Int,
  Id: Schema.String,
  Owner: Schema.String,
  Signature: Schema.String,
})

/** What the object should be. */
export interface ConfigOf {
  /** Whether bytes are what they should be: of this repository, and signed by the owner of epoch 1. */
  readonly fits: (bytes: Uint8Array) => boolean
  /** The bytes. Absent unless an owner opened the repository: nobody else can make them. */
  readonly bytes: Uint8Array | undefined
}

/** What the object of a repository should be. */
export const configOf = (
  kernel: SignatureKernel,
  version: Version,
  { keyring, secrets }: Pick<Opening, "keyring" | "secrets">,
): ConfigOf => ({
  fits: (bytes) => isConfig(kernel, version, keyring, bytes),
  bytes: secrets === undefined ? undefined : encodeConfig(kernel, version, secrets, ownerOf(keyring)),
})

/** The owner of epoch 1, in hex. */
const ownerOf = ({ epochs }: Pick<Keyring, "epochs">): string => bytesToHex(epochs[0]!.owner)

const encodeConfig = (kernel: SignatureKernel, version: Version, { id, masters }: OwnerSecrets, owner: string) => {
  const members = { Version: version, Id: id, Owner: owner }
  return encodeJson({ ...members, Signature: signRecord(kernel, keyFor(masters[0]!, "owner signing"), members) })
}

const isConfig = (kernel: SignatureKernel, version: Version, keyring: Keyring, bytes: Uint8Array): boolean => {
  try {
    const { Signature, ...members } = decodeJson(CONFIG, Whole, bytes)
    return members.Version === version && members.Id === keyring.id && members.Owner === ownerOf(keyring) &&
      isSigned(kernel, keyring.epochs[0]!.owner, members, Signature)
  } catch {
    return false
  }
}

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

/** Whether there is a repository: the config or a lock. A config that cannot be read does not count. */
export const isThere = (store: ObjectStore): Effect.Effect<boolean, StoreError> =>
  Effect.flatMap(
    Effect.catchIf(readConfig(store), concernsObject, () => Effect.succeed(undefined)),
    (config) => config === undefined ? Effect.map(keyNames(store), hasLock) : Effect.succeed(true),
  )

/** The object as read, before a key tells whether it is authentic. */
export interface StoredConfig {
  readonly bytes: Uint8Array
  readonly id: string
  readonly version: Version
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
export const versionOf = (stored: StoredConfig | RepositoryError | undefined): Version | undefined =>
  stored === undefined || stored instanceof RepositoryError ? undefined : stored.version

/** Whether keys belong to the repository, as far as the config tells. */
export const fitsConfig = (
  kernel: SignatureKernel,
  stored: StoredConfig | RepositoryError | undefined,
  keyring: Keyring,
): boolean =>
  stored === undefined || stored instanceof RepositoryError || isConfig(kernel, stored.version, keyring, stored.bytes)

/**
 * Checks the config against the key, and gives the repository. Warns when there is no config, or when it cannot be
 * read; then the next backup or copy of an owner writes it again. Fails with `corrupt` when it is not what the key
 * says, because somebody may have put it there. `config` is what it should be.
 */
export const withConfig: (
  stored: StoredConfig | RepositoryError | undefined,
  store: ObjectStore,
  config: ConfigOf,
  repository: Repository,
) => Effect.Effect<Repository, FormatError> = Effect.fnUntraced(function* (stored, store, config, repository) {
  if (stored === undefined || stored instanceof RepositoryError) {
    yield* Effect.logWarning((stored ?? missing()).message)
    return completing(repository, store, config)
  }
  if (!config.fits(stored.bytes)) yield* verifyConfig(store, config)
  return repository
})

/** The members of the config. Fails with `corrupt` when it is missing or is not what it should be. */
export const readConfigMembers = (store: ObjectStore, config: ConfigOf): Effect.Effect<Facts, FormatError> =>
  readingTwice(
    Effect.flatMap(readConfig(store), (bytes) =>
      catching(RepositoryError, () => {
        if (bytes === undefined) throw missing()
        if (!config.fits(bytes)) throw damaged()
        return decodeJson(CONFIG, Whole, bytes)
      })),
  )

/** Fails with `corrupt` when the config is missing or is not what it should be. */
export const verifyConfig = (store: ObjectStore, config: ConfigOf): Effect.Effect<void, FormatError> =>
  Effect.asVoid(readConfigMembers(store, config))

const readingTwice = <A>(read: Effect.Effect<A, FormatError>): Effect.Effect<A, FormatError> =>
  Effect.mapError(readTwice(CONFIG, read), asDamage(CONFIG))

/** Writes the config when it is missing. */
const ensureConfig = (store: ObjectStore, { bytes }: ConfigOf): Effect.Effect<void, StoreError> =>
  bytes === undefined ? Effect.void : Effect.asVoid(created(store.put(CONFIG, [bytes])))

/** Writes the config when it is missing or is not what it should be. */
export const mendConfig = (store: ObjectStore, config: ConfigOf): Effect.Effect<void, FormatError> =>
  Effect.catchIf(
    verifyConfig(store, config),
    isDamage,
    (error) => config.bytes === undefined ? Effect.fail(error) : store.put(CONFIG, [config.bytes], { replace: true }),
  )

/**
 * A repository whose config is missing, as after a run that was killed while it made the repository. A backup or a copy
 * writes the config first.
 */
const completing = (repository: Repository, store: ObjectStore, config: ConfigOf): Repository => {
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
