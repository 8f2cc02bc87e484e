/** Decoders that run on threads of the runtime, beside the thread of JavaScript. */
import type { BesideTable } from "../../stages/kernel/codec.ts"
import { openXaesBeside, WEB_CRYPTO_WINS } from "./xaes.ts"

/**
 * Give it to `Beside` of stages/kernel/codec.ts. On Node and Bun it is empty: there, handing blocks over costs this
 * thread as much as decoding them, and more in all. On Deno, AES-GCM by WebCrypto is three times as fast as
 * `node:crypto`.
 */
export const besideKernels: BesideTable = WEB_CRYPTO_WINS ? { "encrypt:xaes-256-gcm": openXaesBeside } : {}
