/**
 * Unlocks a key with a secret. Locks are not authentic before they open, so anybody who can write to the store could
 * fill `KEYS/` with locks that take hours to try. Therefore their number is limited, what costs little is
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
import { isUnreadable } from "../../stages/store/unreadable.ts"
import { RepositoryError } from "../error.ts"
import type { Secrets } from "../secrets.ts"
import { corrupt, fromKernelError } from "./errors.ts"
import {
  type AgeMembers,
  decodePayload,
  fromHex,
  type KindMembers,
  type Lock,
  lockContext,
  membersOf,
  type PasswordMembers,
} from "./key_lock.ts"
import { ageSlotKey, fileSlotKey, keyFileProblem, type UnlockedKey } from "./key_lock_seal.ts"
import { keyIdIn, type KeyObjects } from "./key_read.ts"
import { AGE_HEADER_BYTES, KEY_WORK } from "./limits.ts"

/** After this many milliseconds, or before one key of this much work, a message says that it takes long. */
const PATIENCE_MS = 5000
const LONG_WORK = 2 ** 32

/** What is to be unlocked. */
export interface Locked<A> {
  /** Of the repository, for messages. */
  readonly location: string
  readonly objects: KeyObjects
  /**
   * Opens the repository with an unlocked key. When it fails, other locks are tried: anybody can make a lock for an age
   * recipient, so the first one that opens may be of somebody else.
   */
  readonly accept: (key: UnlockedKey) => Effect.Effect<A, RepositoryError>
}

type Named<Kind> = readonly [name: string, lock: Lock<Kind>]

/** An attempt to open a repository. */
interface Attempt<A> {
  readonly location: string
  readonly locks: KeyObjects["locks"]
  /** Tries a slot key. Gives undefined when it does not open the lock, or the key is not accepted. */
  readonly open: (
    lock: Named<KindMembers>,
    slotKey: Redacted.Redacted<Uint8Array>,
  ) => Effect.Effect<{ readonly opened: A } | undefined, RepositoryError>
  /** Remembers the first lock that cannot be tried. */
  readonly skip: (problem: RepositoryError) => Effect.Effect<undefined>
}

/**
 * Tries the secret, of one kind, against all locks, what costs least first, until the key of one is accepted. When none
 * is, fails with why the first was not. When no lock opens, fails with `wrong-key` if every one is as it was written,
 * and with `corrupt` if one is not.
 */
export const unlock = <A>(
  { accept, location, objects }: Locked<A>,
  secrets: Secrets,
): Effect.Effect<A, RepositoryError> =>
  Effect.gen(function* () {
    const given = nameOf(secrets)
    if (given === undefined) {
      return yield* wrong(`The repository at ${location} needs a password, an age identity or a key file`)
    }
    const { damaged, locks } = objects
    let problem = damaged.find(({ object = "" }) => /^KEYS\/\w{16}\.\w{8}\.json$/.test(object))
    if (locks.size === 0 && problem === undefined) {
      return yield* corrupt(
        "KEYS/",
        `The repository at ${location} has no key: KEYS/ is empty or missing, and nothing can be read without a key; ` +
          "put a copy of KEYS/ back, or open it with a paper key",
      )
    }
    let refused: RepositoryError | undefined
    const table = yield* Kernels
    const attempt: Attempt<A> = {
      location,
      locks,
      open: Effect.fnUntraced(function* ([name, lock], slotKey) {
        const unlocked = yield* catching(RepositoryError, (): UnlockedKey | undefined => {
          const id = keyIdIn(name)
          const members = membersOf(lock)
          const sealed = fromHex(name, lock.sealed)
          const plain = unlessForged(() => makeKernel(aes256gcm(slotKey), table).open(sealed, lockContext(id, members)))
          if (plain === undefined) return undefined
          const { seed, ...pin } = decodePayload(name, plain)
          const { version: _version, ...kind } = members
          return { id, lock: name, slot: { kind, key: slotKey }, seed: Redacted.make(fromHex(name, seed)), pin }
        })
        if (unlocked === undefined) return undefined
        return yield* Effect.match(accept(unlocked), {
          onSuccess: (opened) => ({ opened }),
          onFailure: (error) => {
            refused ??= error
            return undefined
          },
        })
      }),
      skip: (error) => Effect.sync(() => void (problem ??= error)),
    }
    const unlocked = (yield* byKeyFile(attempt, secrets)) ?? (yield* byIdentity(attempt, secrets)) ??
      (yield* byPassword(attempt, secrets))
    if (unlocked !== undefined) return unlocked.opened
    if (refused !== undefined) return yield* refused
    if (problem !== undefined) return yield* whyLocked(problem, given, location, locks.size > 0)
    const { one, what } = given
    return yield* wrong(`The ${what} ${one ? "does" : "do"} not open the repository at ${location}`)
  })

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

/** All locks of a kind. */
const ofKind = <Kind extends KindMembers["kind"]>(
  locks: KeyObjects["locks"],
  kind: Kind,
): ReadonlyArray<Named<Extract<KindMembers, { kind: Kind }>>> =>
  [...locks].filter((named): named is [string, Lock<Extract<KindMembers, { kind: Kind }>>] =>
    !("unknown" in named[1]) && named[1].kind === kind
  )

const byKeyFile = <A>(attempt: Attempt<A>, { key }: Secrets) =>
  Effect.gen(function* () {
    if (key === undefined) return undefined
    const problem = keyFileProblem(key)
    if (problem !== undefined) return yield* wrong(problem)
    for (const lock of ofKind(attempt.locks, "key-file")) {
      const unlocked = yield* attempt.open(lock, fileSlotKey(key))
      if (unlocked !== undefined) return unlocked
    }
    return undefined
  })

const byIdentity = <A>(attempt: Attempt<A>, { identities = [] }: Secrets) =>
  Effect.gen(function* () {
    if (identities.length === 0) return undefined
    const ring = yield* Effect.mapError(ageKeys(identities), fromKernelError)
    for (const lock of ofKind(attempt.locks, "age")) {
      const [name] = lock
      const opened = yield* headerOf(lock).pipe(
        Effect.flatMap(ring.open),
        Effect.catchTag("KernelError", ({ message }) => attempt.skip(untryable(name, message))),
        Effect.catchTag("RepositoryError", attempt.skip),
      )
      if (opened === undefined) continue
      const unlocked = yield* attempt.open(lock, ageSlotKey(opened.fileKey))
      if (unlocked !== undefined) return unlocked
    }
    return undefined
  })

/** The age header of a lock. It has one stanza, so that it costs little to try. */
const headerOf = ([name, lock]: Named<AgeMembers>): Effect.Effect<Uint8Array, RepositoryError> =>
  catching(RepositoryError, () => {
    const header = fromHex(name, lock.header)
    if (header.length > AGE_HEADER_BYTES || stanzaCount(header) !== 1 || isForPassphrase(header)) {
      throw untryable(name, "its age header must be short and for one recipient")
    }
    return header
  })

const untryable = (name: string, why: string): RepositoryError =>
  corrupt(name, `${name} is a lock that cannot be tried: ${why}`)

/** A lock to try a password against. */
interface Candidate {
  readonly lock: Named<PasswordMembers>
  readonly params: PasswordParams
  /** The work of scrypt: bytes of memory, times passes. */
  readonly work: number
}

const candidateOf = (lock: Named<PasswordMembers>): Effect.Effect<Candidate, RepositoryError> =>
  catching(RepositoryError, () => {
    const [name, { n, p, r, salt }] = lock
    const params: PasswordParams = { kdf: "scrypt", n, r, p, salt: fromHex(name, salt) }
    const problem = paramsProblem(params)
    if (problem !== undefined) throw untryable(name, problem)
    return { lock, params, work: 128 * n * r * p }
  })

const byPassword = <A>(attempt: Attempt<A>, { password }: Secrets) =>
  Effect.gen(function* () {
    if (password === undefined) return undefined
    const candidates: Array<Candidate> = []
    for (const lock of ofKind(attempt.locks, "password")) {
      const candidate = yield* Effect.catchTag(candidateOf(lock), "RepositoryError", attempt.skip)
      if (candidate !== undefined) candidates.push(candidate)
    }
    candidates.sort((a, b) => a.work - b.work)
    const start = yield* Clock.currentTimeMillis
    let work = 0
    let told = false
    for (const [i, { lock, params, work: next }] of candidates.entries()) {
      const [name] = lock
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
      const unlocked = slotKey === undefined ? undefined : yield* attempt.open(lock, slotKey)
      if (unlocked !== undefined) return unlocked
    }
    return undefined
  })

/**
 * The error when the secret opens no lock and one of them is not as it was written. `problem` is that of the
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
