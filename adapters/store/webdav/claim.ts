/**
 * Create-only writes on servers that have none. Of several writers that make one collection at the same time, exactly
 * one succeeds, on every server. So a collection is the lock of a name while its object is moved into place:
 *
 * 1. The object is written under a temporary name.
 * 2. The writer makes `tmp/claims/<hash of the name>.0/`. The one that succeeds has the claim. The others wait until
 *    the object exists (`exists`) or the claim is free again.
 * 3. The writer with the claim looks once more whether the object exists, moves its temporary object to the name, and
 *    frees the claim.
 *
 * A program that is killed between 2 and 3 leaves the claim. Another writer takes it over when it is older than {@link
 * CLAIM_STALE_MS} by the server's clock, by making its successor `….1/`; again one writer wins. A claim is used for
 * {@link CLAIM_LEASE_MS} at most, so a program that was stopped for long does not move an object under the claim of
 * another.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import { alreadyExists } from "../../../stages/store/errors.ts"
import { absent } from "../../../stages/store/absent.ts"
import { TEMPORARY } from "../../../stages/store/name.ts"
import { operationError } from "../../../stages/store/operation.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { hasObject } from "../http/read_object.ts"
import type { HttpOptions } from "../http/request.ts"
import { type Collections, makeCollection } from "./collections.ts"
import { deleteUrl } from "./delete.ts"
import { propfind } from "./propfind.ts"

/** A claim older than this was left by a killed writer, in milliseconds. */
export const CLAIM_STALE_MS: number = 60_000
/** No claim is used for longer than this, in milliseconds. */
export const CLAIM_LEASE_MS: number = 15_000
/** The collection of all claims. */
export const CLAIMS: string = `${TEMPORARY}/claims/`

const FIRST_WAIT_MS = 20
const LONGEST_WAIT_MS = 1000

/** Other times than {@link CLAIM_STALE_MS} and {@link CLAIM_LEASE_MS}; for tests. */
export interface ClaimOptions {
  /** Milliseconds after which a claim of another writer counts as left behind. */
  readonly stale?: number
  /** Milliseconds for which a writer may use its own claim. */
  readonly lease?: number
}

/** What a writer does under its claim. */
export interface ClaimedWork {
  /** Makes the object. */
  readonly work: Effect.Effect<void, StoreError>
  /** Runs if `work` failed or its result is unknown. Afterwards the object exists, or never will by `work`. */
  readonly settle: Effect.Effect<unknown, StoreError>
}

/** A claim that this writer has. */
interface Claim {
  readonly generation: number
  /** When it was taken, by the clock of this machine, in milliseconds. */
  readonly since: number
}

/**
 * Runs the work if there is no object of that name and no other writer makes one. Fails with `exists` otherwise. If
 * `settle` fails too, nobody knows what became of the work, and the claim stays until it is stale.
 */
export const withClaim = (
  http: HttpOptions,
  root: URL,
  collections: Collections,
  object: URL,
  name: string,
  { settle, work }: ClaimedWork,
  options: ClaimOptions = {},
): Effect.Effect<void, StoreError> => {
  const lease = options.lease ?? CLAIM_LEASE_MS
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 40)
  const claimUrl = (generation: number): URL => new URL(`${root.href}${CLAIMS}${hash}.${generation}/`)
  const isExpired = ({ since }: Claim): boolean => performance.now() - since > lease
  const failIfThere = Effect.flatMap(
    hasObject(http, object, name),
    (there) => there ? Effect.fail(alreadyExists(name, http.location)) : Effect.void,
  )

  const take = Effect.fnUntraced(function* (): Effect.fn.Return<Claim, StoreError> {
    const seen: Array<number> = [] // by generation: when this writer first found it taken
    let wait = FIRST_WAIT_MS
    for (let generation = 0;;) {
      const since = performance.now()
      if (yield* collections.around(`${CLAIMS}${hash}`, makeCollection(http, claimUrl(generation), name))) {
        return { generation, since }
      }
      yield* failIfThere
      const age = yield* ageOf(http, claimUrl(generation), name)
      seen[generation] ??= performance.now()
      if (age !== "free" && (age ?? performance.now() - seen[generation]!) > (options.stale ?? CLAIM_STALE_MS)) {
        generation++
      } else {
        generation = 0
        if (age === "free") continue
        yield* Effect.interruptible(Effect.sleep(wait * (0.5 + Math.random())))
        wait = Math.min(wait * 2, LONGEST_WAIT_MS)
      }
    }
  })
  /**
   * Frees the generations from `first` to that of the claim. As long as there is no object, the earlier ones must stay:
   * without them two writers could each have a claim.
   */
  const free = (first: number, claim: Claim) =>
    Effect.suspend(() => {
      // It could be the claim of another by now.
      if (isExpired(claim)) return Effect.void
      const urls = Array.from({ length: claim.generation + 1 - first }, (_, i) => claimUrl(first + i))
      return Effect.ignore(Effect.forEach(urls, (url) => deleteUrl(http, url, name), { discard: true }))
    })
  const late = operationError({ doing: "write", name, location: http.location }, "unavailable", "it took too long")
  return Effect.acquireUseRelease(
    take(),
    (claim) =>
      Effect.andThen(
        failIfThere,
        Effect.suspend(() => isExpired(claim) ? Effect.fail(late) : work),
      ),
    (claim, exit) =>
      exit._tag === "Success" ? free(0, claim) : Effect.ignore(Effect.andThen(settle, free(claim.generation, claim))),
  )
}

/** Milliseconds since a collection was made; `free` if there is none; undefined if the server does not tell. */
const ageOf = (http: HttpOptions, url: URL, name: string): Effect.Effect<number | "free" | undefined, StoreError> =>
  Effect.map(absent(propfind(http, url, 0, { doing: "write", name })), (found) => {
    if (found === undefined) return "free"
    const modified = found.resources[0]?.modified
    return found.now === undefined || modified === undefined ? undefined : found.now - modified
  })
