/** Keys from passwords: scrypt (RFC 7914). */
import { scryptAsync } from "@noble/hashes/scrypt.js"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { KernelError } from "../kernel/kernel.ts"
import { isTrusted, trusted } from "../kernel/trusted.ts"

/** How to derive a key from a password. A key slot stores it. */
export interface PasswordParams {
  /** The function that derives the key. */
  readonly kdf: "scrypt"
  /** Cost: a power of two, 2^10 to 2^20. */
  readonly n: number
  /** Block size: 1 to 32. The derivation needs `128 * n * r` bytes of memory, at most 1 GiB. */
  readonly r: number
  /** Parallelism: 1 to 16. */
  readonly p: number
  /** 16 to 64 random bytes. */
  readonly salt: Uint8Array
}

/** Computes scrypt with 32 bytes of output. When `signal` is aborted, it may stop and reject with anything. */
export type ScryptFunction = (
  password: Uint8Array,
  salt: Uint8Array,
  cost: { readonly n: number; readonly r: number; readonly p: number },
  signal: AbortSignal,
) => Promise<Uint8Array>

const portableScrypt: ScryptFunction = trusted<ScryptFunction>((password, salt, { n, r, p }, signal) =>
  scryptAsync(password, salt, {
    N: n,
    r,
    p,
    dkLen: 32,
    maxmem: 2 ** 31,
    onProgress: () => signal.throwIfAborted(),
  })
)

/**
 * The scrypt in use. By default that of `@noble/hashes`, which runs everywhere.
 *
 * @example Use the faster scrypt of the runtime
 * ```ts
 * import assert from "node:assert"
 * import { Scrypt } from "@penstock/penstock"
 * import { nativeScrypt } from "@penstock/penstock/adapters"
 * import { Effect } from "effect"
 *
 * const inUse = Effect.provideService(Scrypt, Scrypt, nativeScrypt)
 * assert.equal(await Effect.runPromise(inUse), nativeScrypt)
 * ```
 */
export const Scrypt: Context.Reference<ScryptFunction> = Context.Reference<ScryptFunction>("penstock/Scrypt", {
  defaultValue: () => portableScrypt,
})

/**
 * The scrypt for new keys. One that is not trusted derives each key twice and compares: if a key could not be derived
 * again, everything that it encrypts would be lost. Rejects with KernelError `faulty`.
 */
export const provenScrypt = (scrypt: ScryptFunction): ScryptFunction =>
  isTrusted(scrypt) ? scrypt : async (password, salt, cost, signal) => {
    const keys = [
      await scrypt(password.slice(), salt.slice(), cost, signal),
      await scrypt(password.slice(), salt.slice(), cost, signal),
    ]
    if (keys.every((key) => key?.length === 32 && key.every((byte, i) => byte === keys[0]![i]))) return keys[0]!.slice()
    throw new KernelError({
      kernel: "scrypt",
      reason: "faulty",
      message:
        "The scrypt in use is faulty: it does not return the same 32 bytes each time. Correct it, or use another",
    })
  }

/** Why such params are refused: a clause. Undefined when they are accepted. */
export const paramsProblem = ({ kdf, n, r, p, salt }: PasswordParams): string | undefined => {
  if (kdf !== "scrypt") return `"kdf" is "${kdf}", but only "scrypt" is known`
  if (!Number.isInteger(n) || n < 2 ** 10 || n > 2 ** 20 || (n & (n - 1)) !== 0) {
    return `"n" is ${n}, but must be a power of two from 2^10 to 2^20`
  }
  if (!Number.isInteger(r) || r < 1 || r > 32) return `"r" is ${r}, but must be an integer from 1 to 32`
  if (!Number.isInteger(p) || p < 1 || p > 16) return `"p" is ${p}, but must be an integer from 1 to 16`
  if (128 * n * r > 2 ** 30) return `"n" ${n} with "r" ${r} would use more than 1 GiB of memory`
  if (salt.length < 16 || salt.length > 64) return `the salt has ${salt.length} bytes, but must have 16 to 64`
  return undefined
}

/**
 * Derives a key of 32 bytes from a password, with scrypt (RFC 7914). The password is normalised to NFC, because
 * keyboards differ in how they compose characters, and encoded as UTF-8. `params` may come from a stranger: they are
 * checked before any work. Fails with KernelError `unsupported` when they are out of range, or when the runtime has too
 * little memory. An interruption stops the work.
 *
 * @example Derive a key
 * ```ts
 * import assert from "node:assert"
 * import { deriveKey } from "@penstock/penstock"
 * import { Effect, Redacted } from "effect"
 *
 * const password = Redacted.make("correct horse battery staple")
 * const salt = crypto.getRandomValues(new Uint8Array(32))
 * // A small cost, for the example only. 2^15 takes 32 MiB of memory and about a tenth of a second.
 * const key = await Effect.runPromise(deriveKey(password, { kdf: "scrypt", n: 2 ** 10, r: 8, p: 1, salt }))
 * assert.equal(Redacted.value(key).length, 32)
 * ```
 */
export const deriveKey: (
  password: Redacted.Redacted<string>,
  params: PasswordParams,
) => Effect.Effect<Redacted.Redacted<Uint8Array>, KernelError> = Effect.fnUntraced(function* (
  password: Redacted.Redacted<string>,
  params: PasswordParams,
) {
  const wrong = paramsProblem(params)
  if (wrong !== undefined) {
    return yield* new KernelError({
      kernel: "scrypt",
      reason: "unsupported",
      message: `Cannot derive a key from the password: ${wrong}`,
    })
  }
  const scrypt = yield* Scrypt
  const bytes = new TextEncoder().encode(Redacted.value(password).normalize("NFC"))
  const key = yield* Effect.tryPromise({
    try: (signal) => scrypt(bytes, params.salt, params, signal),
    catch: (cause) =>
      cause instanceof KernelError ? cause : new KernelError({
        kernel: "scrypt",
        reason: "unsupported",
        message: `Cannot derive a key from the password with ${128 * params.n * params.r} bytes of memory: ${
          cause instanceof Error ? cause.message : String(cause)
        }`,
      }),
  })
  return Redacted.make(key)
})
