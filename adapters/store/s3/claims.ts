/**
 * Exclusive writes on servers that overwrite although they are told not to. Writers agree by claims: small objects that
 * say who is about to write a name.
 *
 * 1. A writer puts a claim of its own beneath `tmp/claims/<name>/`, then lists the claims.
 * 2. If its claim is the only one and the object does not exist, it writes the object, then removes its claim.
 * 3. If there are other claims, the writer with the lowest token waits until it is alone. The others withdraw theirs
 *    and wait.
 *
 * At least one of two writers sees the other's claim, because each puts its own before it lists, and servers list what
 * was put. A claim is removed only after the object exists, so a writer that sees no claim sees the object. So at most
 * one of them writes.
 *
 * A writer that dies leaves its claim. The claim counts for 15 minutes by the server's clock. A writer begins at most 1
 * minute after its claim, and gives up after 10. The guarantee ends if a server carries out a request minutes after it
 * lost the connection.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { alreadyExists } from "../../../stages/store/errors.ts"
import { absent } from "../../../stages/store/absent.ts"
import { TEMPORARY } from "../../../stages/store/name.ts"
import { operationError } from "../../../stages/store/operation.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import type { S3Client } from "./client.ts"
import { listPage } from "./listing.ts"
import { s3Key, showS3Location } from "./location.ts"

/** How long a claim counts, in milliseconds. */
const COUNTS_MS = 15 * 60_000
/** The oldest claim by which a writer may begin to write, in milliseconds. */
const BEGIN_MS = 60_000
/** How long a write may take, in milliseconds. */
const WRITE_MS = 10 * 60_000
/** How long a writer waits for others, in milliseconds. */
const PATIENCE_MS = 60_000
/** The shortest pause, in milliseconds. The longest is four times that. */
const PAUSE_MS = 40

/** A claim of this process. */
interface Claim {
  readonly token: string
  /** When it was put, by the clock of this machine, in milliseconds. */
  readonly begun: number
}

/**
 * The claims of writes whose answer was lost, by the name of the object. The write may still be under way, so the next
 * try of this process goes on with its claim.
 */
export type OpenClaims = Map<string, Claim>

/**
 * Runs `write`, which writes the object `name`, unless that exists. `headers` are sent with claims. Fails with
 * `exists`, and with `unavailable` if other writers take too long.
 */
export const writeByClaim: (
  client: S3Client,
  open: OpenClaims,
  name: string,
  headers: Readonly<Record<string, string>>,
  write: Effect.Effect<void, StoreError>,
) => Effect.Effect<void, StoreError> = Effect.fnUntraced(function* (client, open, name, headers, write) {
  const key = s3Key(client.location, name)
  const claims = s3Key(client.location, `${TEMPORARY}/claims/${name}/`)
  const location = showS3Location(client.location)
  const subject = { doing: "write", name } as const
  const busy = operationError(
    { ...subject, location },
    "unavailable",
    "another run is writing it; if it was killed, try again in 15 minutes",
  )
  const failIfThere = Effect.flatMap(
    absent(client.send({ ...subject, method: "HEAD", key })),
    (there) => there === undefined ? Effect.void : Effect.fail(alreadyExists(name, location)),
  )
  const pause = Effect.flatMap(Random.nextBetween(PAUSE_MS, 4 * PAUSE_MS), Effect.sleep)
  const remove = (token: string): Effect.Effect<void> =>
    Effect.ignore(client.send({ ...subject, method: "DELETE", key: `${claims}${token}` }))
  const expired = new Set<string>()
  /** Tokens of the claims that count, the lowest first. The claim `mine` counts as long as it exists. */
  const standing = (mine?: string) =>
    Effect.map(
      listPage(client, { ...subject, prefix: claims }),
      ({ keys, now }) =>
        keys.map(({ key, written }) => ({ token: key.slice(claims.length), written }))
          // If the server does not tell the time (NaN), the claim counts: better no writer than two.
          .filter(({ token, written }) => {
            const counts = token === mine || !(now - written > COUNTS_MS)
            if (!counts) expired.add(token)
            return counts
          }).map(({ token }) => token),
    )

  /** Keeps a claim for the next try if nobody knows whether this one took effect. */
  const keepingOpen = <A>(claim: Claim, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
    Effect.tapError(effect, ({ reason }) =>
      Effect.sync(() => {
        if (reason === "unavailable") open.set(name, claim)
      }))
  const takeOpen = Effect.sync(() => {
    const claim = open.get(name)
    open.delete(name)
    return claim
  })
  const putClaim = Effect.gen(function* () {
    const before = yield* takeOpen
    if (before !== undefined) return before
    const begun = yield* Clock.currentTimeMillis
    const claim = { token: `${begun.toString(16).padStart(12, "0")}-${crypto.randomUUID()}`, begun }
    const put = client.send({ ...subject, method: "PUT", key: `${claims}${claim.token}`, headers, body: [] })
    yield* keepingOpen(claim, put)
    return claim
  })
  const release = (claim: Claim): Effect.Effect<void> => open.get(name) === claim ? Effect.void : remove(claim.token)
  /** The object exists, so the claim of an earlier try has served its purpose. */
  const settle = Effect.flatMap(takeOpen, (before) => before === undefined ? Effect.void : remove(before.token))

  /** Writes when no other claim stands. False if another writer comes first, or the claim got too old. */
  const writeAlone = Effect.fnUntraced(function* (claim: Claim) {
    const isLate = Effect.map(Clock.currentTimeMillis, (now) => now - claim.begun > BEGIN_MS)
    for (;;) {
      const [first, second] = yield* standing(claim.token)
      if (first !== claim.token || (yield* isLate)) return false
      if (second === undefined) break
      yield* pause
    }
    yield* failIfThere
    if (yield* isLate) return false
    yield* Effect.timeoutOrElse(write, { duration: WRITE_MS, orElse: () => Effect.fail(busy) })
    yield* Effect.forEach(expired, remove, { discard: true })
    return true
  })

  yield* Effect.tapError(failIfThere, ({ reason }) => reason === "exists" ? settle : Effect.void)
  const start = yield* Clock.currentTimeMillis
  while (
    !(yield* Effect.acquireUseRelease(putClaim, (claim) => keepingOpen(claim, writeAlone(claim)), release))
  ) {
    do {
      if ((yield* Clock.currentTimeMillis) - start > PATIENCE_MS) return yield* busy
      yield* pause
      yield* failIfThere
    } while ((yield* standing()).length > 0)
  }
})
