/** `FOGSYNC`: says that there is a share, and which; opens with its key. SPEC.md, "Store". */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { twofishSecret } from "../../stages/encrypt/twofish256ctr.ts"
import { type Hasher, KernelError } from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import type { Secrets } from "../secrets.ts"
import { decodeEnvelope, encodeEnvelope, isKind, type Keys, makeKeys, makeNonce } from "./envelope.ts"
import { absent, asDamage, corrupt, created } from "./errors.ts"
import { SHARE } from "./layout.ts"
import { SHARE_MAXIMUM } from "./limits.ts"
import type { ListingKind } from "./opened.ts"
import { VERSION } from "./snapshot.ts"

const Share = Schema.Struct({
  version: Schema.Int,
  id: Schema.String.check(Schema.isPattern(/^[0-9a-f]{32}$/)),
  listing: Schema.optionalKey(Schema.Literals(["json", "tree"])),
  name: Schema.optionalKey(Schema.String),
})
const decodeShare = Schema.decodeUnknownSync(Share)

/** The keys of a share from the user's. Fails with `wrong-key` when there is none, or one of another length. */
export const shareKeys = ({ key }: Secrets, hasher: Hasher): Effect.Effect<Keys, RepositoryError> => {
  const wrong = (message: string) => Effect.fail(new RepositoryError({ reason: "wrong-key", message }))
  if (key === undefined) return wrong("A FogSync share is encrypted: give its key of 32 bytes, or 64 (--key-file)")
  const { length } = Redacted.value(key)
  if (length !== 32 && length !== 64) return wrong(`The key of a FogSync share has 32 or 64 bytes, not ${length}`)
  return Effect.sync(() => makeKeys(twofishSecret({ key }, hasher)))
}

/** What `FOGSYNC` says. */
export interface ShareConfig {
  readonly id: string
  /** How snapshots list while there is none. */
  readonly listing: ListingKind
  /** The name of the share, when it has one. */
  readonly name: string | undefined
}

/** A new ID of a share. */
export const newShareId = (): string => bytesToHex(crypto.getRandomValues(new Uint8Array(16)))

/** Stores it: false when there is one, unless that is to be replaced. */
export const writeConfig = (
  store: ObjectStore,
  keys: Keys,
  { id, listing, name }: ShareConfig,
  replace = false,
): Effect.Effect<boolean, StoreError> => {
  const text = new TextEncoder().encode(JSON.stringify({ version: VERSION, id, listing, name }))
  return created(store.put(SHARE, [encodeEnvelope(keys, text, { nonce: makeNonce(keys, "share") })], { replace }))
}

/**
 * What it says, read twice when that cannot be; undefined when there is none. Fails with `wrong-key`, which may as well
 * be damage, `corrupt` or `newer`.
 */
export const readConfig: (
  store: ObjectStore,
  keys: Keys,
  name: string | undefined,
) => Effect.Effect<ShareConfig | undefined, RepositoryError | StoreError> = Effect.fnUntraced(function* (
  store,
  keys,
  name,
) {
  const info = yield* absent(store.stat(SHARE))
  if (info === undefined) return undefined
  if (info.size > SHARE_MAXIMUM) return yield* corrupt(SHARE, `${SHARE} is damaged: it is too long`)
  const envelope = yield* store.get(SHARE, { atMost: SHARE_MAXIMUM })
  let json: unknown
  try {
    const data = decodeEnvelope(keys, envelope, SHARE_MAXIMUM)
    if (!isKind(keys, "share", envelope)) {
      return yield* corrupt(SHARE, `${SHARE} was put in the place of another object`)
    }
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data))
  } catch (error) {
    if (!(error instanceof KernelError) || error.reason !== "forged") {
      return yield* corrupt(SHARE, `${SHARE} is damaged: it does not say which share this is`, error)
    }
    return yield* new RepositoryError({
      reason: "wrong-key",
      object: SHARE,
      message: `${SHARE} does not open: the key is not the one of this share, or ${SHARE} was altered`,
    })
  }
  const version = (json as { readonly version?: unknown } | null)?.version
  if (typeof version === "number" && version > VERSION) {
    return yield* new RepositoryError({
      reason: "newer",
      object: SHARE,
      message: `The share is of version ${version}, which this Penstock does not know; use a later one`,
    })
  }
  let share: typeof Share.Type
  try {
    share = decodeShare(json)
  } catch (error) {
    return yield* corrupt(SHARE, `${SHARE} is damaged: it does not say which share this is`, error)
  }
  if (share.name !== name) return yield* corrupt(SHARE, `${SHARE} was put in the place of that of another share`)
  return { id: share.id, listing: share.listing ?? "json", name }
}, (read) => Effect.mapError(readTwice(SHARE, read, ({ reason }) => reason === "wrong-key"), asDamage(SHARE)))
