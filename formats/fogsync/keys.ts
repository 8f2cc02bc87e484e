/** The keys of a share. SPEC.md, "Keys". */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type TwofishSecret, twofishSecret } from "../../stages/encrypt/twofish256ctr.ts"
import { hmac } from "../../stages/hash/hmac.ts"
import type { Hasher } from "../../stages/kernel/kernel.ts"
import { RepositoryError } from "../error.ts"
import type { Secrets } from "../secrets.ts"

/** The keys of a share, ready for use. */
export interface Keys extends TwofishSecret {
  /** Starts an HMAC-SHA256 under the MAC key. */
  readonly startMac: Hasher["create"]
}

/** Makes the keys from the cipher key and the MAC key. */
export const makeKeys = (secret: TwofishSecret): Keys => ({ ...secret, startMac: hmac(secret.hasher, secret.mac) })

/** Derives the keys from the user's key. Fails with `wrong-key` when there is none, or it has another length. */
export const shareKeys = ({ key }: Secrets, hasher: Hasher): Effect.Effect<Keys, RepositoryError> => {
  const wrong = (message: string) => Effect.fail(new RepositoryError({ reason: "wrong-key", message }))
  if (key === undefined) return wrong("A FogSync share is encrypted: give its key of 32 or 64 bytes (--key-file)")
  const { length } = Redacted.value(key)
  if (length !== 32 && length !== 64) return wrong(`The key of a FogSync share has 32 or 64 bytes, not ${length}`)
  return Effect.sync(() => makeKeys(twofishSecret({ key }, hasher)))
}
