/**
 * Unlocks a repository with its password. Key objects are not authentic before a slot opens, so anybody who can write
 * to the store could fill them with slots that take hours to try. Therefore their number is limited, cheap slots are
 * tried first, and there is a limit to what all of them may cost. SPEC.md, "Limits".
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

/** After this many milliseconds, or before one slot of this much work, a message says that it takes long. */
const PATIENCE_MS = 5000
const LONG_WORK = 2 ** 32

const Payload = Schema.Struct({ id: Schema.String, master: Schema.String })

/** A slot to try a password against. */
interface Candidate {
  readonly name: string
  readonly params: PasswordParams
  readonly sealed: Uint8Array
  /** The work of scrypt: bytes of memory, times passes. */
  readonly work: number
}

/**
 * Tries the password against all slots, the cheapest first, until one opens. When none does, fails with `wrong-key` if
 * every key object is as it was written, and with `corrupt` if one is not. `keys` are the names of the key objects, if
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
      `The repository at ${location} has no key: KEYS/ is empty or missing, and nothing can be read without a key; ` +
        "put a copy of KEYS/ back",
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
        `The password opens none of ${i} keys of the repository at ${location}, ` +
          `and the other ${left} cost too much to try: if ${name} is not yours, remove it`,
      )
    }
    if (!told && (next >= LONG_WORK || (yield* Clock.currentTimeMillis) - start >= PATIENCE_MS)) {
      told = true
      yield* Effect.logInfo(
        `Trying the password against ${left} more ${left === 1 ? "key" : "keys"}: this may take long`,
      )
    }
    // A slot that takes more memory than there is does not hide the others.
    const key = yield* deriveKey(password, params).pipe(
      Effect.catchTag("KernelError", ({ message }) =>
        Effect.sync(() => {
          problem ??= corrupt(name, `${name} has a key that cannot be tried: ${message}`)
          return undefined
        })),
    )
    if (key === undefined) continue
    const opened = yield* Effect.sync(() =>
      unlessForged(() => makeKernel(aes256gcm(key), table).open(sealed, slotContext(name)))
    )
    if (opened === undefined) continue
    const { id, master } = yield* catching(RepositoryError, () => decodeJson(name, Payload, opened))
    return { id, master: Redacted.make(yield* catching(RepositoryError, () => fromHex(name, master))) }
  }
  if (problem === undefined) return yield* wrong(`The password does not open the repository at ${location}`)
  return yield* whyLocked(problem, location, candidates.length > 0)
})

/**
 * The error when the password opens no slot and a key object is not as it was written. `problem` is that of the object.
 */
const whyLocked = (problem: RepositoryError, location: string, hasOthers: boolean): RepositoryError => {
  const { message, object, reason } = problem
  // An object that cannot be read may be whole.
  if (reason !== "corrupt" || isUnreadable(problem)) return problem
  return corrupt(
    object!,
    hasOthers
      ? `${message}, and the password opens no other key of the repository at ${location}: ` +
        "if it is the right one, put a copy of that object back"
      : `${message}: the repository at ${location} has no other key, and nothing can be read without one; ` +
        "put a copy of that object back",
  )
}

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
            const params: PasswordParams = { kdf: "scrypt", n, r, p, salt: fromHex(name, slot.salt) }
            const problem = paramsProblem(params)
            if (problem !== undefined) throw corrupt(name, `${name} has a key that cannot be tried: ${problem}`)
            return [{ name, params, sealed: fromHex(name, slot.sealed), work: 128 * n * r * p }]
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

/** Gives undefined when something does not open with this key. */
const unlessForged = (run: () => Uint8Array): Uint8Array | undefined => {
  try {
    return run()
  } catch (error) {
    if (error instanceof KernelError && error.reason === "forged") return undefined
    throw error
  }
}

/** Decodes hex. Throws RepositoryError `corrupt`. */
const fromHex = (object: string, text: string): Uint8Array => {
  if (!/^([0-9a-f]{2})*$/.test(text)) {
    throw corrupt(object, `${object} is damaged: it has a value that is not hexadecimal`)
  }
  return hexToBytes(text)
}
