/** How repositories of either block version are made: the key objects first, then `ROZEN.json`. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { recipientOf } from "../../stages/encrypt/age.ts"
import { created } from "../../stages/store/absent.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { NewSecret } from "../keys.ts"
import { refuseOthers, type Secrets } from "../secrets.ts"
import { CONFIG, type Config, encodeConfig, isThere } from "./config.ts"
import { fromKernelError } from "./errors.ts"
import { type KeyOptions, putKey, sealKey } from "./key_seal.ts"
import { KEY_OBJECTS } from "./limits.ts"
import type { UnlockedBy } from "./unlock.ts"

/** The secrets that make a repository. */
const MAKES: ReadonlyArray<keyof Secrets> = ["password", "recipients", "identities", "key"]

/**
 * Refuses secrets for the format `name`: those that it does not take, and more than one kind, because one would not be
 * needed. `opens` says whether the repository is to be opened.
 */
export const admitSecrets: (
  secrets: Secrets,
  name: string,
  opens: boolean,
) => Effect.Effect<void, RepositoryError> = Effect.fnUntraced(function* (secrets, name, opens) {
  yield* refuseOthers(secrets, name, opens ? [...MAKES, "paper"] : MAKES)
  const { identities = [], key, paper, password, recipients = [] } = secrets
  const kinds = [password, key, paper, recipients[0] ?? identities[0]].filter((kind) => kind !== undefined)
  if (kinds.length > 1) {
    return yield* new RepositoryError({
      reason: "unsupported",
      message: `A repository of the format ${name} is ${
        opens ? "opened" : "made"
      } with one kind of secret: give one only`,
    })
  }
})

/** A repository that is to be made. */
export interface NewRepository {
  readonly version: Config["Version"]
  readonly secrets: Secrets
  readonly keys: KeyOptions
  /** Gives its master key. */
  readonly master: Effect.Effect<Redacted.Redacted<Uint8Array>, RepositoryError>
}

/**
 * Writes the objects of a new repository, with a key object for the secret, or for each recipient. Fails with `exists`
 * when there is one already, and with `wrong-key` without a secret. Gives its key and ID, and the bytes of its config.
 */
export const createObjects: (
  store: ObjectStore,
  repository: NewRepository,
) => Effect.Effect<UnlockedBy & { readonly config: Uint8Array }, FormatError> = Effect.fnUntraced(
  function* (store, { keys: options, master: giveMaster, secrets, version }) {
    const exists = new RepositoryError({
      reason: "exists",
      message: `There is a repository at ${store.properties.location} already`,
    })
    if (yield* isThere(store)) return yield* exists
    const given = yield* newSecrets(secrets)
    if (given.length === 0) {
      return yield* new RepositoryError({
        reason: "wrong-key",
        message: "A new repository needs a password, an age recipient or a key file",
      })
    }
    if (given.length > KEY_OBJECTS) {
      return yield* new RepositoryError({
        reason: "unsupported",
        message: `A repository can have ${KEY_OBJECTS} keys, not one for each of ${given.length} recipients`,
      })
    }
    const master = yield* giveMaster
    const id = bytesToHex(crypto.getRandomValues(new Uint8Array(16)))
    // All are made before the first is written: a secret may not be valid.
    const keys = yield* Effect.forEach(given, (secret) => sealKey({ id, master }, secret, options))
    // A repository without its config can be opened, one without its key cannot.
    yield* Effect.forEach(keys, (key) => putKey(store, key), { discard: true })
    const config = encodeConfig({ Version: version, Id: id }, master)
    if (!(yield* created(store.put(CONFIG, [config])))) return yield* exists
    return { id, master, config, key: keys[0]!.object }
  },
)

/** The secrets that key objects are made for. Without recipients, those of the identities. */
const newSecrets = Effect.fnUntraced(function* (
  { identities = [], key, password, recipients = [] }: Secrets,
): Effect.fn.Return<ReadonlyArray<NewSecret>, RepositoryError> {
  const all = recipients.length > 0
    ? recipients
    : yield* Effect.forEach(identities, (identity) => Effect.mapError(recipientOf(identity), fromKernelError))
  return [
    ...password === undefined ? [] : [{ password }],
    ...all.map((recipient) => ({ recipient })),
    ...key === undefined ? [] : [{ key }],
  ]
})

/** For a store without a repository. */
export const noRepository = (store: ObjectStore): RepositoryError =>
  new RepositoryError({ reason: "none", message: `There is no repository at ${store.properties.location}` })
