/** How repositories of either block version are made: the key object first, then `ROZEN.json`. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { created } from "../../stages/store/absent.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { Secrets } from "../secrets.ts"
import { CONFIG, type Config, encodeConfig, isThere } from "./config.ts"
import { DEFAULT_COST, type ScryptCost, type Unlocked, writeKey } from "./keys.ts"

/** A repository that is to be made. */
export interface NewRepository {
  readonly version: Config["Version"]
  readonly secrets: Secrets
  /** Cost of scrypt. */
  readonly cost?: ScryptCost | undefined
  /** Gives its master key. */
  readonly master: Effect.Effect<Redacted.Redacted<Uint8Array>, RepositoryError>
}

/**
 * Writes the objects of a new repository. Fails with `exists` when there is one already, and with `wrong-key` without a
 * password. Gives its key and ID, and the bytes of its config.
 */
export const createObjects: (
  store: ObjectStore,
  repository: NewRepository,
) => Effect.Effect<Unlocked & { readonly config: Uint8Array }, FormatError> = Effect.fnUntraced(
  function* (store, { cost = DEFAULT_COST, master: giveMaster, secrets: { password }, version }) {
    const exists = new RepositoryError({
      reason: "exists",
      message: `There is a repository at ${store.properties.location} already`,
    })
    if (yield* isThere(store)) return yield* exists
    if (password === undefined) {
      return yield* new RepositoryError({ reason: "wrong-key", message: "A new repository needs a password" })
    }
    const master = yield* giveMaster
    const id = bytesToHex(crypto.getRandomValues(new Uint8Array(16)))
    // A repository without its config can be opened, one without its key cannot.
    yield* writeKey(store, { id, master }, password, cost)
    const config = encodeConfig({ Version: version, Id: id }, master)
    if (!(yield* created(store.put(CONFIG, [config])))) return yield* exists
    return { id, master, config }
  },
)

/** For a store without a repository. */
export const noRepository = (store: ObjectStore): RepositoryError =>
  new RepositoryError({ reason: "none", message: `There is no repository at ${store.properties.location}` })
