/**
 * Exclusive writes on servers that overwrite although they are told not to, by claims: small objects that say who is
 * about to write a name.
 *
 * 1. A writer puts a claim of its own beneath `tmp/claims/<name>/`, then lists them.
 * 2. When its own is the only one and the object is not there, it writes, and removes its claim afterwards.
 * 3. When there are others, all but the one with the lowest token withdraw theirs and wait; that one waits until it is
 *    alone.
 *
 * Of two writers at least one sees the other's claim, because each puts its own before it lists, and servers list what
 * was put. A claim is removed only after the object is there, so who sees no claim sees the object. So at most one of
 * them writes. A writer that dies leaves its claim behind. It counts for 15 minutes by the server's clock; a writer
 * begins no later than 1 minute after its claim and gives up after 10. The guarantee ends where a server carries out a
 * request minutes after it lost the connection.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { absent } from "../../../stages/store/absent.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { alreadyExists } from "../../../stages/store/name.ts"
import type { S3Client } from "./client.ts"
import { listPage } from "./listing.ts"
import { showS3Location } from "./location.ts"

/** After that a claim no longer counts, in milliseconds. */
const COUNTS_MS = 15 * 60_000
/** After that a claim is too old to begin to write by it. */
const BEGIN_MS = 60_000
/** After that a write is given up. */
const WRITE_MS = 10 * 60_000
/** How long a writer waits for others. */
const PATIENCE_MS = 60_000
/** The shortest wait; the longest is four times that. */
const PAUSE_MS = 40

/** A claim that has been put. */
interface Claim {
  readonly token: string
  /** When, by the clock of this machine, in milliseconds. */
  readonly begun: number
}

/**
 * Claims by name whose write may still be under way although its answer was lost: the next try of this process goes on
 * with them.
 */
export type OpenClaims = Map<string, Claim>

/** What is to be written, and where its claims are. */
export interface ClaimedPlace {
  readonly name: string
  readonly key: string
  /** What the keys of its claims begin with. */
  readonly claims: string
}

/**
 * Writes an object by `write` unless it is there. `headers` are those of claims. Fails with `unavailable` when others
 * take too long.
 */
export const writeByClaim: (
  client: S3Client,
  open: OpenClaims,
  place: ClaimedPlace,
  headers: Readonly<Record<string, string>>,
  write: Effect.Effect<void, StoreError>,
) => Effect.Effect<void, StoreError> = Effect.fnUntraced(function* (client, open, place, headers, write) {
  const { claims, key, name } = place
  const location = showS3Location(client.location)
  const asked = { doing: "write", name } as const
  const busy = new StoreError({
    reason: "unavailable",
    object: name,
    message:
      `Cannot write "${name}" in ${location}: another run is writing it; if it was killed, try again in 15 minutes`,
  })
  const failWhenThere = Effect.flatMap(
    absent(client.send({ ...asked, method: "HEAD", key })),
    (there) => there === undefined ? Effect.void : Effect.fail(alreadyExists(name, location)),
  )
  const pause = Effect.flatMap(Random.nextBetween(PAUSE_MS, 4 * PAUSE_MS), Effect.sleep)
  const remove = (token: string): Effect.Effect<void> =>
    Effect.ignore(client.send({ ...asked, method: "DELETE", key: `${claims}${token}` }))
  const expired = new Set<string>()
  /** Tokens of claims that count, the lowest first. One that is `mine` counts as long as it is there. */
  const standing = (mine?: string) =>
    Effect.map(
      listPage(client, { ...asked, prefix: claims }),
      ({ keys, now }) =>
        keys.map(({ key, written }) => ({ token: key.slice(claims.length), written }))
          // It counts, too, when the server does not tell the time: rather nobody writes than two.
          .filter(({ token, written }) => {
            const counts = token === mine || !(now - written > COUNTS_MS)
            if (!counts) expired.add(token)
            return counts
          }).map(({ token }) => token),
    )

  /** Keeps a claim for the next try when it is not known what became of this one. */
  const keeping = <A>(claim: Claim, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    Effect.tapError(effect, ({ reason }) =>
      Effect.sync(() => {
        if (reason === "unavailable") open.set(name, claim)
      }))
  const claim = Effect.gen(function* () {
    const before = open.get(name)
    open.delete(name)
    if (before !== undefined) return before
    const begun = yield* Clock.currentTimeMillis
    const token = `${begun.toString(16).padStart(12, "0")}-${crypto.randomUUID()}`
    const made = { token, begun }
    yield* keeping(made, client.send({ ...asked, method: "PUT", key: `${claims}${token}`, headers, body: [] }))
    return made
  })
  const release = (claim: Claim): Effect.Effect<void> => open.get(name) === claim ? Effect.void : remove(claim.token)
  /** What an earlier try has left behind is settled: the object is there. */
  const settle = Effect.suspend(() => {
    const before = open.get(name)
    open.delete(name)
    return before === undefined ? Effect.void : remove(before.token)
  })

  /** False when others come first, or it took too long. */
  const attempt = Effect.fnUntraced(function* (claim: Claim) {
    const isLate = Effect.map(Clock.currentTimeMillis, (now) => now - claim.begun > BEGIN_MS)
    for (;;) {
      const [first, second] = yield* standing(claim.token)
      if (first !== claim.token || (yield* isLate)) return false
      if (second === undefined) break
      yield* pause
    }
    yield* failWhenThere
    if (yield* isLate) return false
    yield* Effect.timeoutOrElse(write, { duration: WRITE_MS, orElse: () => Effect.fail(busy) })
    yield* Effect.forEach(expired, remove, { discard: true })
    return true
  })

  yield* Effect.tapError(failWhenThere, ({ reason }) => reason === "exists" ? settle : Effect.void)
  const start = yield* Clock.currentTimeMillis
  while (!(yield* Effect.acquireUseRelease(claim, (one) => keeping(one, attempt(one)), release))) {
    do {
      if ((yield* Clock.currentTimeMillis) - start > PATIENCE_MS) return yield* busy
      yield* pause
      yield* failWhenThere
    } while ((yield* standing()).length > 0)
  }
})
