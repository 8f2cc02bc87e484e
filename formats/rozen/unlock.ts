/**
 * Unlocks a repository with a secret. Key objects are not authentic before they open, so anybody who can write to the
 * store could fill `KEYS/` with objects that take hours to try. Therefore their number is limited, what costs little is
 * tried first, and there is a limit to what all of them may cost. SPEC.md, "Limits".
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { catching } from "../../stages/kernel/catching.ts"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { ageKeys } from "../../stages/encrypt/age.ts"
import { isForPassphrase, stanzaCount } from "../../stages/encrypt/age_header.ts"
import { deriveKey, paramsProblem, type PasswordParams } from "../../stages/encrypt/password.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { isUnreadable } from "../../stages/store/unreadable.ts"
import { RepositoryError } from "../error.ts"
import type { Secrets } from "../secrets.ts"
import { corrupt, fromKernelError } from "./errors.ts"
import {
  type AgeMembers,
  decodePayload,
  fromHex,
  keyContext,
  type KeyObject,
  type KindMembers,
  membersOf,
  type PasswordMembers,
  type UnknownKey,
} from "./key_object.ts"
import { keyNames, readKeys, tooManyKeys } from "./key_read.ts"
import { ageSlotKey, fileSlotKey, keyFileProblem } from "./key_seal.ts"
import type { Unlocked } from "./keys.ts"
import { AGE_HEADER_BYTES, KEY_WORK } from "./limits.ts"

/** After this many milliseconds, or before one key of this much work, a message says that it takes long. */
const PATIENCE_MS = 5000
const LONG_WORK = 2 ** 32

/** What opened. */
export interface UnlockedBy extends Unlocked {
  /** The name of the key object. */
  readonly key: string
}

/** How to choose among key objects. */
export interface UnlockOptions {
  /** The names of the key objects, if they are known. */
  readonly keys?: ReadonlyArray<string>
  /**
   * Whether a key belongs to this repository. Anybody can make a key object for an age recipient, so the first one that
   * opens may be of somebody else. One that is refused is given only when there is no other.
   */
  readonly fits?: (unlocked: Unlocked) => boolean
}

type Named<Kind> = readonly [name: string, key: KeyObject<Kind>]

/** An attempt to open a repository. */
interface Attempt {
  readonly location: string
  readonly keys: ReadonlyMap<string, KeyObject | UnknownKey>
  /** Tries a slot key. Gives undefined when it does not open the object, or the object does not belong here. */
  readonly open: (
    object: Named<KindMembers>,
    slotKey: Redacted.Redacted<Uint8Array>,
  ) => Effect.Effect<UnlockedBy | undefined, RepositoryError>
  /** Remembers the first object that cannot be tried. */
  readonly skip: (problem: RepositoryError) => Effect.Effect<undefined>
}

/**
 * Tries the secret, of one kind, against all key objects, what costs least first, until one opens. When none does,
 * fails with `wrong-key` if every key object is as it was written, and with `corrupt` if one is not.
 */
export const unlock: (
  store: ObjectStore,
  secrets: Secrets,
  options?: UnlockOptions,
) => Effect.Effect<UnlockedBy, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (store, secrets, { fits = () => true, keys: known } = {}) {
    const { location } = store.properties
    const given = nameOf(secrets)
    if (given === undefined) {
      return yield* wrong(`The repository at ${location} needs a password, an age identity or a key file`)
    }
    const names = known ?? (yield* keyNames(store))
    if (names.length === 0) {
      return yield* corrupt(
        "KEYS/",
        `The repository at ${location} has no key: KEYS/ is empty or missing, and nothing can be read without a key; ` +
          "put a copy of KEYS/ back, or open it with a paper key",
      )
    }
    const tooMany = tooManyKeys(names)
    if (tooMany !== undefined) return yield* tooMany
    const { damaged, keys } = yield* readKeys(store, names)
    let problem = damaged[0]
    let stranger: UnlockedBy | undefined
    const table = yield* Kernels
    const attempt: Attempt = {
      location,
      keys,
      open: ([name, key], slotKey) =>
        catching(RepositoryError, () => {
          const sealed = fromHex(name, key.sealed)
          const opened = unlessForged(() =>
            makeKernel(aes256gcm(slotKey), table).open(sealed, keyContext(name, membersOf(key)))
          )
          if (opened === undefined) return undefined
          const { id, master } = decodePayload(name, opened)
          const unlocked = { id, master: Redacted.make(master), key: name }
          if (fits(unlocked)) return unlocked
          stranger ??= unlocked
          return undefined
        }),
      skip: (error) => Effect.sync(() => void (problem ??= error)),
    }
    const unlocked = (yield* byKeyFile(attempt, secrets)) ?? (yield* byIdentity(attempt, secrets)) ??
      (yield* byPassword(attempt, secrets)) ?? stranger
    if (unlocked !== undefined) return unlocked
    if (problem !== undefined) return yield* whyLocked(problem, given, location, keys.size > 0)
    const { one, what } = given
    return yield* wrong(`The ${what} ${one ? "does" : "do"} not open the repository at ${location}`)
  },
)

const wrong = (message: string): RepositoryError => new RepositoryError({ reason: "wrong-key", message })

/** What is given, for messages. */
interface Given {
  readonly what: string
  /** Whether that is one secret. */
  readonly one: boolean
}

/** Undefined when there is no secret. */
const nameOf = ({ identities = [], key, password }: Secrets): Given | undefined => {
  if (password !== undefined) return { what: "password", one: true }
  if (key !== undefined) return { what: "key file", one: true }
  if (identities.length > 1) return { what: "age identities", one: false }
  return identities.length === 0 ? undefined : { what: "age identity", one: true }
}

/** All key objects of a kind. */
const ofKind = <Kind extends KindMembers["kind"]>(
  { keys }: Attempt,
  kind: Kind,
): ReadonlyArray<Named<Extract<KindMembers, { kind: Kind }>>> =>
  [...keys].filter((named): named is [string, KeyObject<Extract<KindMembers, { kind: Kind }>>] =>
    !("unknown" in named[1]) && named[1].kind === kind
  )

const byKeyFile = Effect.fnUntraced(function* (attempt: Attempt, { key }: Secrets) {
  if (key === undefined) return undefined
  const problem = keyFileProblem(key)
  if (problem !== undefined) return yield* wrong(problem)
  for (const object of ofKind(attempt, "key-file")) {
    const unlocked = yield* attempt.open(object, fileSlotKey(key))
    if (unlocked !== undefined) return unlocked
  }
  return undefined
})

const byIdentity = Effect.fnUntraced(function* (attempt: Attempt, { identities = [] }: Secrets) {
  if (identities.length === 0) return undefined
  const ring = yield* Effect.mapError(ageKeys(identities), fromKernelError)
  for (const object of ofKind(attempt, "age")) {
    const [name] = object
    const opened = yield* headerOf(object).pipe(
      Effect.flatMap(ring.open),
      Effect.catchTag("KernelError", ({ message }) => attempt.skip(untryable(name, message))),
      Effect.catchTag("RepositoryError", attempt.skip),
    )
    if (opened === undefined) continue
    const unlocked = yield* attempt.open(object, ageSlotKey(opened.fileKey))
    if (unlocked !== undefined) return unlocked
  }
  return undefined
})

/** The age header of a key object. It has one stanza, so that it costs little to try. */
const headerOf = ([name, key]: Named<AgeMembers>): Effect.Effect<Uint8Array, RepositoryError> =>
  catching(RepositoryError, () => {
    const header = fromHex(name, key.header)
    if (header.length > AGE_HEADER_BYTES || stanzaCount(header) !== 1 || isForPassphrase(header)) {
      throw untryable(name, "its age header must be short and for one recipient")
    }
    return header
  })

const untryable = (name: string, why: string): RepositoryError =>
  corrupt(name, `${name} is a key that cannot be tried: ${why}`)

/** A key object to try a password against. */
interface Candidate {
  readonly object: Named<PasswordMembers>
  readonly params: PasswordParams
  /** The work of scrypt: bytes of memory, times passes. */
  readonly work: number
}

const candidateOf = (object: Named<PasswordMembers>): Effect.Effect<Candidate, RepositoryError> =>
  catching(RepositoryError, () => {
    const [name, { n, p, r, salt }] = object
    const params: PasswordParams = { kdf: "scrypt", n, r, p, salt: fromHex(name, salt) }
    const problem = paramsProblem(params)
    if (problem !== undefined) throw untryable(name, problem)
    return { object, params, work: 128 * n * r * p }
  })

const byPassword = Effect.fnUntraced(function* (attempt: Attempt, { password }: Secrets) {
  if (password === undefined) return undefined
  const candidates: Array<Candidate> = []
  for (const object of ofKind(attempt, "password")) {
    const candidate = yield* Effect.catchTag(candidateOf(object), "RepositoryError", attempt.skip)
    if (candidate !== undefined) candidates.push(candidate)
  }
  candidates.sort((a, b) => a.work - b.work)
  const start = yield* Clock.currentTimeMillis
  let work = 0
  let told = false
  for (const [i, { object, params, work: next }] of candidates.entries()) {
    const [name] = object
    const left = candidates.length - i
    work += next
    if (work > KEY_WORK) {
      return yield* wrong(
        `The password opens none of ${i} keys of the repository at ${attempt.location}, ` +
          `and the other ${left} cost too much to try: if ${name} is not yours, remove it`,
      )
    }
    if (!told && (next >= LONG_WORK || (yield* Clock.currentTimeMillis) - start >= PATIENCE_MS)) {
      told = true
      yield* Effect.logInfo(
        `Trying the password against ${left} more ${left === 1 ? "key" : "keys"}: this may take long`,
      )
    }
    // A key that takes more memory than there is does not hide the others.
    const slotKey = yield* deriveKey(password, params).pipe(
      Effect.catchTag("KernelError", ({ message }) => attempt.skip(untryable(name, message))),
    )
    const unlocked = slotKey === undefined ? undefined : yield* attempt.open(object, slotKey)
    if (unlocked !== undefined) return unlocked
  }
  return undefined
})

/**
 * The error when the secret opens no key object and one of them is not as it was written. `problem` is that of the
 * object.
 */
const whyLocked = (
  problem: RepositoryError,
  { one, what }: Given,
  location: string,
  hasOthers: boolean,
): RepositoryError => {
  const { message, object, reason } = problem
  // An object that cannot be read may be whole.
  if (reason !== "corrupt" || isUnreadable(problem)) return problem
  return corrupt(
    object!,
    hasOthers
      ? `${message}, and the ${what} ${one ? "opens" : "open"} no other key of the repository at ${location}: ` +
        `if ${one ? "it is the right one" : "one is right"}, put a copy of that object back`
      : `${message}: the repository at ${location} has no other key, and nothing can be read without one; ` +
        "put a copy of that object back",
  )
}

/** Gives undefined when something does not open with this key. */
const unlessForged = (run: () => Uint8Array): Uint8Array | undefined => {
  try {
    return run()
  } catch (error) {
    if (error instanceof KernelError && error.reason === "forged") return undefined
    throw error
  }
}
