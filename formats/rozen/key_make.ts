/** Makes keys: a pair, its grant and its lock, and the records of epochs. Nothing is written here. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Ed25519, provenEd25519 } from "../../stages/sign/sign.ts"
import { RepositoryError } from "../error.ts"
import type { NewSecret } from "../keys.ts"
import { decodeEpoch, encodeEpoch } from "./key_epoch.ts"
import { type GrantHead, type NewGrant, sealGrant } from "./key_grant.ts"
import type { Pin, ScryptCost } from "./key_lock.ts"
import { type SealedLock, sealLock, slotOf, type UnlockedKey } from "./key_lock_seal.ts"
import { newKeyPair, writerSeed } from "./key_pair.ts"
import { secretsOf } from "./key_roles.ts"
import { keyFor, type Keyring, type OwnerSecrets, type Role } from "./keyring.ts"
import { KEY_TEXT } from "./limits.ts"

/** How keys are made. */
export interface KeyOptions {
  /** Cost of scrypt. */
  readonly cost?: ScryptCost | undefined
  /** Who makes them, `user@host`. */
  readonly by?: string | undefined
  /** What the user calls the key. */
  readonly name?: string | undefined
}

/** What an owner makes keys with. */
export interface Granting {
  readonly secrets: OwnerSecrets
  /** The owner and number of the current epoch, which new keys believe. */
  readonly pin: Pin
}

/** A key that is to be written. */
export interface NewKey {
  readonly key: UnlockedKey
  readonly head: GrantHead
  readonly grant: NewGrant
  readonly lock: SealedLock
}

/** The seed with which the owner of the current epoch signs. */
export const signingSeed = ({ masters }: OwnerSecrets): Redacted.Redacted<Uint8Array> =>
  keyFor(masters.at(-1)!, "owner signing")

/** Fails with `unsupported` when a key cannot have this name or maker. */
export const admitTexts: (texts: { readonly name: string; readonly maker?: string }) => Effect.Effect<
  void,
  RepositoryError
> = Effect.fnUntraced(function* (texts) {
  for (const [what, text] of Object.entries(texts)) {
    if (text.length > KEY_TEXT || !text.isWellFormed()) {
      return yield* new RepositoryError({
        reason: "unsupported",
        message: `The ${what} of a key must be Unicode text of at most ${KEY_TEXT} characters`,
      })
    }
  }
})

/** Makes a key of a role for a secret. Fails with `unsupported` when the secret or the name is not valid. */
export const makeKey: (
  granting: Granting,
  role: Role,
  secret: NewSecret,
  options: KeyOptions,
) => Effect.Effect<NewKey, RepositoryError> = Effect.fnUntraced(
  function* ({ pin, secrets }, role, secret, { by = "", cost, name = "" }) {
    yield* admitTexts({ name, maker: by })
    const slot = yield* slotOf(secret, cost)
    const pair = yield* newKeyPair
    const { publicKey } = yield* Ed25519
    const head: GrantHead = {
      repository: pin.id,
      key: pair.id,
      public: pair.public,
      role,
      name,
      created: yield* Clock.currentTimeMillis,
      by,
      epoch: pin.epoch,
      signing: role === "writer" ? bytesToHex(publicKey(Redacted.value(writerSeed(pair.seed)))) : "",
    }
    const grant = yield* sealGrant(head, secretsOf(role, secrets), signingSeed(secrets), pair.seed)
    const lock = yield* sealLock(pair.id, { ...pin, seed: bytesToHex(Redacted.value(pair.seed)) }, slot)
    return { key: { id: pair.id, lock: lock.object, slot, seed: pair.seed, pin }, head, grant, lock }
  },
)

/** The records of all epochs, and the pin of the last. They are the same each time. */
export const encodeEpochs: (
  keyring: Pick<Keyring, "epochs">,
  secrets: OwnerSecrets,
) => Effect.Effect<{
  readonly epochs: ReadonlyArray<{ readonly object: string; readonly bytes: Uint8Array }>
  readonly pin: Pin
}> = Effect.fnUntraced(function* (keyring, { id, masters }) {
  const kernel = provenEd25519(yield* Ed25519)
  const epochs: Array<ReturnType<typeof encodeEpoch>> = []
  for (const [i, master] of masters.entries()) {
    const last = epochs.at(-1)
    const before = last === undefined ? undefined : {
      record: decodeEpoch(last.object, last.bytes),
      master: masters[i - 1]!,
    }
    epochs.push(encodeEpoch(kernel, { repository: id, keys: keyring.epochs[i]!, master, before }))
  }
  const { number, owner } = keyring.epochs.at(-1)!
  return { epochs, pin: { id, owner: bytesToHex(owner), epoch: number } }
})
