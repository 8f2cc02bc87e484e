/** The object FOGSYNC: says that there is a share, and which. SPEC.md, "Kinds, and the object FOGSYNC". */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fromJson } from "../json.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import { decodeEnvelope, encodeEnvelope } from "./envelope.ts"
import { absent, asDamage, corrupt, created } from "./errors.ts"
import type { Keys } from "./keys.ts"
import { isKind, makeNonce } from "./kinds.ts"
import { SHARE, VERSION } from "./layout.ts"
import { SHARE_MAXIMUM } from "./limits.ts"
import type { ListingKind } from "./listing.ts"

/** What FOGSYNC says. */
export interface ShareConfig {
  /** 32 hex digits. */
  readonly id: string
  /** How the first snapshot lists. */
  readonly listing: ListingKind
  /** The name of the share; undefined when it has none. */
  readonly name: string | undefined
}

const Stored = Schema.Struct({
  version: Schema.Int,
  id: Schema.String.check(Schema.isPattern(/^[0-9a-f]{32}$/)),
  listing: Schema.optionalKey(Schema.Literals(["json", "tree"])),
  name: Schema.optionalKey(Schema.String),
})
const isVersioned = Schema.is(Schema.Struct({ version: Schema.Number }))
const decodeStored = Schema.decodeUnknownSync(Stored)

/** A fresh ID for a share. */
export const newShareId = (): string => bytesToHex(crypto.getRandomValues(new Uint8Array(16)))

const encodeConfig = (keys: Keys, { id, listing, name }: ShareConfig): Uint8Array => {
  const text = new TextEncoder().encode(JSON.stringify({ version: VERSION, id, listing, name }))
  return encodeEnvelope(keys, text, { nonce: makeNonce(keys, "share") })
}

/** Throws RepositoryError: `wrong-key`, which may be damage as well, `corrupt` or `newer`. */
const decodeConfig = (keys: Keys, envelope: Uint8Array, name: string | undefined): ShareConfig => {
  const unclear = (cause: unknown) => corrupt(SHARE, `${SHARE} is damaged: it does not say which share this is`, cause)
  let data: Uint8Array
  try {
    data = decodeEnvelope(keys, envelope, SHARE_MAXIMUM)
  } catch (error) {
    if (!(error instanceof KernelError) || error.reason !== "forged") throw unclear(error)
    throw new RepositoryError({
      reason: "wrong-key",
      object: SHARE,
      message: `${SHARE} cannot be decrypted: the key is not that of this share, or ${SHARE} was altered`,
    })
  }
  if (!isKind(keys, "share", envelope)) throw corrupt(SHARE, `${SHARE} was put in the place of another object`)
  let json: unknown
  try {
    json = fromJson(Schema.Unknown, data)
  } catch (error) {
    throw unclear(error)
  }
  if (isVersioned(json) && json.version > VERSION) {
    throw new RepositoryError({
      reason: "newer",
      object: SHARE,
      message: `The share is of version ${json.version}, which this Penstock does not know; use a later one`,
    })
  }
  let stored: typeof Stored.Type
  try {
    stored = decodeStored(json)
  } catch (error) {
    throw unclear(error)
  }
  if (stored.name !== name) throw corrupt(SHARE, `${SHARE} was put in the place of that of another share`)
  return { id: stored.id, listing: stored.listing ?? "json", name }
}

/** Stores FOGSYNC. False when there is one already and `replace` is not set. */
export const writeConfig = (
  store: ObjectStore,
  keys: Keys,
  config: ShareConfig,
  replace = false,
): Effect.Effect<boolean, StoreError> =>
  Effect.suspend(() => created(store.put(SHARE, [encodeConfig(keys, config)], { replace })))

/**
 * Reads FOGSYNC; reads it twice before it calls it wrong. `name` is the name that the share is opened by. Undefined
 * when there is none. Fails with `wrong-key`, which may be damage as well, `corrupt` or `newer`.
 */
export const readConfig: (
  store: ObjectStore,
  keys: Keys,
  name: string | undefined,
) => Effect.Effect<ShareConfig | undefined, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (store, keys, name) {
    const info = yield* absent(store.stat(SHARE))
    if (info === undefined) return undefined
    if (info.size > SHARE_MAXIMUM) return yield* corrupt(SHARE, `${SHARE} is damaged: it is too long`)
    const envelope = yield* store.get(SHARE, { atMost: SHARE_MAXIMUM })
    return yield* catching(RepositoryError, () => decodeConfig(keys, envelope, name))
  },
  (read) => Effect.mapError(readTwice(SHARE, read, ({ reason }) => reason === "wrong-key"), asDamage(SHARE)),
)
