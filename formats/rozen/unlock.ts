/**
 * Opens a repository by its password. Key objects are not authentic before a slot opens, so whoever can write to the
 * store could fill them with slots that take hours: there are limits on their number, cheap ones are tried first, and
 * all together may cost so much. SPEC.md, "Limits".
 */
import { hexToBytes } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { catching } from "../../stages/kernel/catching.ts"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { deriveKey, paramsProblem, type PasswordParams } from "../../stages/encrypt/password.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { isUnreadable } from "../../stages/store/unreadable.ts"
import { RepositoryError } from "../error.ts"
import type { Secrets } from "../secrets.ts"
import { corrupt } from "./errors.ts"
import { decodeJson } from "./json.ts"
import { keyNames, readKey, slotContext, tooManyKeys, type Unlocked } from "./keys.ts"
import { KEY_WORK } from "./limits.ts"

/** After so many milliseconds, or before a single slot of that much work, it is said that it takes long. */
const PATIENCE_MS = 5000
const LONG_WORK = 2 ** 32

const Payload = Schema.Struct({ id: Schema.String, master: Schema.String })

/** A slot that a password can be tried against. */
interface Candidate {
  readonly name: string
  readonly params: PasswordParams
  readonly sealed: Uint8Array
  /** Of scrypt: bytes of its memory, times passes. */
  readonly work: number
}

/**
 * Opens the first slot that the password fits, the cheapest tried first. Fails with `wrong-key` when there is none and
 * every key object is as it was written, with `corrupt` when one is not. `keys`: the names of the key objects, where
 * they are known.
 */
export const unlock: (
  store: ObjectStore,
  secrets: Secrets,
  keys?: ReadonlyArray<string>,
) => Effect.Effect<Unlocked, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, secrets, keys) {
  const { password } = secrets
  const { location } = store.properties
  const wrong = (message: string) => new RepositoryError({ reason: "wrong-key", message })
  if (password === undefined) return yield* wrong(`The repository at ${location} needs a password`)
  const names = keys ?? (yield* keyNames(store))
  if (names.length === 0) {
    return yield* corrupt(
      "KEYS/",
      `The repository at ${location} has no key, all of KEYS is missing: without one nothing in it can be read; put a copy of it back`,
    )
  }
  const tooMany = tooManyKeys(names)
  if (tooMany !== undefined) return yield* tooMany
  const { candidates, damaged } = yield* candidatesOf(store, names)
  const table = yield* Kernels
  const start = yield* Clock.currentTimeMillis
  let problem = damaged
  let work = 0
  let told = false
  for (const [i, { name, params, sealed, work: next }] of candidates.entries()) {
    const left = candidates.length - i
    work += next
    if (work > KEY_WORK) {
      return yield* wrong(
        `The password opens none of ${i} keys of the repository at ${location}, and the other ${left} cost too much to try: ` +
          `if ${name} is not yours, remove it`,
      )
    }
    if (!told && (next >= LONG_WORK || (yield* Clock.currentTimeMillis) - start >= PATIENCE_MS)) {
      told = true
      yield* Effect.logInfo(
        `Trying the password against ${left} more ${left === 1 ? "key" : "keys"}: this may take long`,
      )
    }
    // One that takes more memory than there is hides none of the others.
    const key = yield* deriveKey(password, params).pipe(
      Effect.catchTag("KernelError", ({ message }) =>
        Effect.sync(() => {
          problem ??= corrupt(name, `${name} has a key that cannot be tried: ${message}`)
          return undefined
        })),
    )
    if (key === undefined) continue
    const opened = yield* Effect.sync(() =>
      open(() => makeKernel(aes256gcm(key), table).open(sealed, slotContext(name)))
    )
    if (opened === undefined) continue
    const { id, master } = yield* catching(RepositoryError, () => decodeJson(name, Payload, opened))
    return { id, master: Redacted.make(yield* catching(RepositoryError, () => hex(name, master))) }
  }
  if (problem === undefined) return yield* wrong(`The password does not open the repository at ${location}`)
  // One that cannot be read may be all there.
  if (problem.reason !== "corrupt" || isUnreadable(problem)) return yield* problem
  const { message, object } = problem
  return yield* corrupt(
    object!,
    candidates.length === 0
      ? `${message}: the repository at ${location} has no other key, and without one nothing in it can be read; put a copy of that object back`
      : `${message}, and the password opens no other key of the repository at ${location}: if it is the right one, put a copy of that object back`,
  )
})

/**
 * All slots for passwords, the cheapest first, and what is wrong with the first object that is not as it was written.
 */
const candidatesOf = Effect.fnUntraced(function* (store: ObjectStore, names: ReadonlyArray<string>) {
  const candidates: Array<Candidate> = []
  let damaged: RepositoryError | undefined
  for (const name of names) {
    const found = yield* readKey(store, name).pipe(
      Effect.flatMap((slots) =>
        catching(RepositoryError, () =>
          slots.flatMap((slot): ReadonlyArray<Candidate> => {
            if (!("kdf" in slot)) return []
            const { n, p, r } = slot
            const params: PasswordParams = { kdf: "scrypt", n, r, p, salt: hex(name, slot.salt) }
            const problem = paramsProblem(params)
            if (problem !== undefined) throw corrupt(name, `${name} has a key that cannot be tried: ${problem}`)
            return [{ name, params, sealed: hex(name, slot.sealed), work: 128 * n * r * p }]
          }))
      ),
      Effect.catchTag("RepositoryError", (error) =>
        Effect.sync(() => {
          damaged ??= error
          return []
        })),
    )
    candidates.push(...found)
  }
  candidates.sort((a, b) => a.work - b.work)
  return { candidates, damaged }
})

const open = (run: () => Uint8Array): Uint8Array | undefined => {
  try {
    return run()
  } catch (error) {
    if (error instanceof KernelError && error.reason === "forged") return undefined
    throw error
  }
}

/** Throws RepositoryError `corrupt`. */
const hex = (object: string, text: string): Uint8Array => {
  if (!/^([0-9a-f]{2})*$/.test(text)) {
    throw corrupt(object, `${object} is damaged: it has a value that is not hexadecimal`)
  }
  return hexToBytes(text)
}
