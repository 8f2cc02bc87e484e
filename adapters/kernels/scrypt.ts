/** scrypt by `node:crypto`, off the main thread. Node, Deno and Bun have it. */
import { scrypt } from "node:crypto"
import type { ScryptFunction } from "../../stages/encrypt/password.ts"
import { trusted } from "../../stages/kernel/trusted.ts"

/** Memory for `node:crypto` besides what scrypt itself needs. */
const SPARE_BYTES = 1 << 20

/**
 * The accelerated scrypt: provide it as `Scrypt`. An interruption does not stop the computation, which ends in the
 * background.
 *
 * @example Derive a key off the main thread
 * ```ts
 * import assert from "node:assert"
 * import { deriveKey, Scrypt } from "@penstock/penstock"
 * import { nativeScrypt } from "@penstock/penstock/adapters"
 * import { Effect, Redacted } from "effect"
 *
 * const salt = crypto.getRandomValues(new Uint8Array(32))
 * const derived = deriveKey(Redacted.make("a password"), { kdf: "scrypt", n: 2 ** 10, r: 8, p: 1, salt })
 * const key = await Effect.runPromise(Effect.provideService(derived, Scrypt, nativeScrypt))
 * assert.equal(Redacted.value(key).length, 32)
 * ```
 */
export const nativeScrypt: ScryptFunction = trusted<ScryptFunction>((password, salt, { n, r, p }) =>
  new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 128 * n * r + 128 * r * p + SPARE_BYTES }
    scrypt(password, salt, 32, options, (error, key) => error ? reject(error) : resolve(new Uint8Array(key)))
  })
)
