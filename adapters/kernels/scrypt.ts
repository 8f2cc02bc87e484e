/** scrypt by `node:crypto`, off the main thread. Node, Deno and Bun have it. */
import { scrypt } from "node:crypto"
import type { ScryptFunction } from "../../stages/encrypt/password.ts"
import { trusted } from "../../stages/kernel/trusted.ts"

/** Memory for `node:crypto` besides what scrypt itself needs. */
const SPARE_BYTES = 1 << 20

/**
 * The accelerated scrypt: provide it as `Scrypt`. An interruption does not stop the computation, which ends in the
 * background.
 */
export const nativeScrypt: ScryptFunction = trusted<ScryptFunction>((password, salt, { n, r, p }) =>
  new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 128 * n * r + 128 * r * p + SPARE_BYTES }
    scrypt(password, salt, 32, options, (error, key) => error ? reject(error) : resolve(new Uint8Array(key)))
  })
)
