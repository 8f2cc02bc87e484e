/** `ROZEN.json`: says that this is a repository, and of which version. */
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { absent, created } from "../../stages/pack/absent.ts"
import { type ObjectStore, StoreError } from "../../stages/pack/store.ts"
import { type Repository, RepositoryError } from "../format.ts"
import { corrupt } from "./errors.ts"
import { decodeJson, encodeJson } from "./json.ts"
import { subkey } from "./keys.ts"
import { CONFIG_BYTES } from "./limits.ts"

export const CONFIG = "ROZEN.json"

/** Version 1 stores block version 1; version 0 is the document's. */
export interface Config {
  readonly Version: 0 | 1
  readonly Id: string
}

const Version = Schema.Struct({ Version: Schema.Int })
const Stored = Schema.Struct({ Version: Schema.Literals([0, 1]), Id: Schema.String, Mac: Schema.String })

const mac = (config: Config, master: Redacted.Redacted<Uint8Array>): string =>
  bytesToHex(blake3(encodeJson(config), { key: Redacted.value(subkey(master, "config")) }))

export const encodeConfig = (config: Config, master: Redacted.Redacted<Uint8Array>): Uint8Array =>
  encodeJson({ ...config, Mac: mac(config, master) })

const AGAIN = `remove it, then run "penstock rebuild" to make it again`
const damaged = (): RepositoryError => corrupt(CONFIG, `${CONFIG} was altered or is damaged; ${AGAIN}`)

/** The `Version` of the repository, before anything is known of its keys. Throws RepositoryError `corrupt` or `newer`. */
export const configVersion = (bytes: Uint8Array): 0 | 1 => {
  let version: number
  try {
    version =
      Schema.decodeUnknownSync(Version)(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))).Version
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

/** Checks the file against the key. Throws RepositoryError `corrupt`. */
export const checkConfig = (bytes: Uint8Array, id: string, master: Redacted.Redacted<Uint8Array>): void => {
  let stored: typeof Stored.Type
  try {
    stored = decodeJson(CONFIG, Stored, bytes)
  } catch {
    throw damaged()
  }
  const { Mac, ...config } = stored
  if (config.Id !== id || Mac !== mac(config, master)) throw damaged()
}

/** The bytes of the file, or undefined when there is none. */
export const readConfig = (store: ObjectStore): Effect.Effect<Uint8Array | undefined, StoreError> =>
  absent(store.get(CONFIG, { atMost: CONFIG_BYTES })).pipe(
    Effect.mapError((error) =>
      error.reason === "corrupt" ? new StoreError({ ...error, message: `${error.message}; ${AGAIN}` }) : error
    ),
  )

/** Writes the file when it is missing. */
export const ensureConfig = (store: ObjectStore, config: Uint8Array): Effect.Effect<void, StoreError> =>
  Effect.asVoid(created(store.put(CONFIG, [config])))

/** The repository without its config, as after a run that was killed while it made the repository: the next that writes completes it. */
export const completing = (repository: Repository, store: ObjectStore, config: Uint8Array): Repository => {
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
