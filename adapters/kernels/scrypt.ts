/** scrypt by `node:crypto`, off the main thread; Node, Deno and Bun have it. */
import { scrypt } from "node:crypto"
import type { ScryptFunction } from "../../stages/encrypt/password.ts"
import { trusted } from "../../stages/kernel/trusted.ts"

/** For `Scrypt` of stages/encrypt/password.ts. A computation that was interrupted ends in the background. */
export const nativeScrypt: ScryptFunction = trusted<ScryptFunction>((password, salt, { n, r, p }) =>
  new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 128 * n * r + 128 * r * p + (1 << 20) }
    scrypt(password, salt, 32, options, (error, key) => error ? reject(error) : resolve(new Uint8Array(key)))
  })
)
