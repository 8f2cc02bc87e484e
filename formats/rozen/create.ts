/** How repositories of either block version are made: `KEYS/` first, then `ROZEN.json`. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { recipientOf } from "../../stages/encrypt/age.ts"
import { created } from "../../stages/store/absent.ts"
import { Ed25519, provenEd25519 } from "../../stages/sign/sign.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { NewSecret } from "../keys.ts"
import { refuseOthers, type Secrets } from "../secrets.ts"
import { CONFIG, type ConfigOf, configOf, isThere, type Version } from "./config.ts"
import { fromKernelError } from "./errors.ts"
import { encodeEpochs, type KeyOptions, makeKey } from "./key_make.ts"
import type { Opening } from "./key_open.ts"
import { ownerKeyring } from "./keyring.ts"
import { newSecret } from "./keys.ts"
import { KEYS } from "./limits.ts"

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

/** What objects are put in. Where directories can be made append-only, all must be there for that. */
const directories: ReadonlyArray<string> = ["KEYS/", "FORGOTTEN/"].concat(
  ["DATA", "INDEX"].flatMap((above) =>
    Array.from({ length: 256 }, (_, n) => `${above}/${n.toString(16).padStart(2, "0")}/`)
  ),
)

/** A repository that is to be made. */
export interface NewRepository {
  readonly version: Version
  readonly secrets: Secrets
  readonly keys: KeyOptions
  /** Gives the secret of its chunks, which copies share. */
  readonly chunks: Effect.Effect<Redacted.Redacted<Uint8Array>, RepositoryError>
}

/**
 * Writes the objects of a new repository, with an owner's key for the secret, or for each recipient. Fails with
 * `exists` when there is one already, and with `wrong-key` without a secret. Gives its keys, and what its config is.
 */
export const createObjects: (
  store: ObjectStore,
  repository: NewRepository,
) => Effect.Effect<Opening & { readonly config: ConfigOf }, FormatError> = Effect.fnUntraced(
  function* (store, { chunks: giveChunks, keys: options, secrets: given, version }) {
    const exists = new RepositoryError({
      reason: "exists",
      message: `There is a repository at ${store.properties.location} already`,
    })
    if (yield* isThere(store)) return yield* exists
    const all = yield* newSecrets(given)
    if (all.length === 0) {
      return yield* new RepositoryError({
        reason: "wrong-key",
        message: "A new repository needs a password, an age recipient or a key file",
      })
    }
    if (all.length > KEYS) {
      return yield* new RepositoryError({
        reason: "unsupported",
        message: `A repository can have ${KEYS} keys, not one for each of ${all.length} recipients`,
      })
    }
    const id = bytesToHex(crypto.getRandomValues(new Uint8Array(16)))
    const secrets = { id, chunks: yield* giveChunks, masters: [newSecret()] }
    const keyring = yield* ownerKeyring(secrets)
    // All are made before the first is written: a secret may not be valid.
    const { epochs, pin } = yield* encodeEpochs(keyring, secrets)
    const keys = yield* Effect.forEach(all, (secret) => makeKey({ secrets, pin }, "owner", secret, options))
    if (version === 1) yield* store.makeDirectories?.(directories) ?? Effect.void
    // A repository without its config can be opened, one without its key cannot.
    const objects = [...epochs, ...keys.map(({ grant }) => grant), ...keys.map(({ lock }) => lock)]
    for (const { bytes, object } of objects) {
      yield* store.put(object, [bytes], { unique: true })
    }
    const opening = { keyring, secrets, key: keys[0]!.key, pin }
    const config = configOf(provenEd25519(yield* Ed25519), version, opening)
    if (!(yield* created(store.put(CONFIG, [config.bytes!])))) return yield* exists
    return { ...opening, config }
  },
)

/** The secrets that keys are made for. Without recipients, those of the identities. */
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
