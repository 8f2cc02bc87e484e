/**
 * Create-only writes on servers that have none. Of several that make one collection at the same time exactly one
 * succeeds, on every server, so a collection is the lock of a name while its object is moved into place:
 *
 * 1. The object is written under a temporary name.
 * 2. `tmp/claims/<hash of the name>.0/` is made. Who makes it has the claim; others wait until there is an object
 *    (`exists`) or the claim is free again.
 * 3. Who has the claim looks once more whether there is an object, moves the temporary one to the name, and frees the
 *    claim.
 *
 * A program that is killed between 2 and 3 leaves the claim. It is taken over when it is older than {@link STALE_MS} by
 * the server's clock, by making its successor `….1/`, of which again there is one winner. A claim is used for {@link
 * LEASE_MS} at most, so a program that was stopped for long does not move an object into the claim of another.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import { absent } from "../../../stages/store/absent.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { problem } from "../http/failure.ts"
import { hasObject } from "../http/read_object.ts"
import { type HttpOptions, send } from "../http/request.ts"
import { alreadyExists, TEMPORARY } from "../../../stages/store/name.ts"
import { type Collections, makeCollection } from "./collections.ts"
import { propfind } from "./propfind.ts"

/** A claim older than this was left by a writer that was killed, in milliseconds. */
export const STALE_MS: number = 60_000
/** No claim is used for longer, in milliseconds. */
export const LEASE_MS: number = 15_000
/** Claims lie here. */
export const CLAIMS: string = `${TEMPORARY}/claims/`

const FIRST_WAIT_MS = 20
const LONGEST_WAIT_MS = 1000

/** How claims are made; for tests. */
export interface ClaimOptions {
  readonly stale?: number
  readonly lease?: number
}

/** What is done with a claim. */
export interface ClaimedWork {
  /** Makes the object. */
  readonly work: Effect.Effect<void, StoreError>
  /** Run when `work` was not done, or nobody knows: afterwards the object is there or will not be. */
  readonly settle: Effect.Effect<unknown, StoreError>
}

/**
 * Does the work when there is no object of that name and nobody else makes one. Fails with `exists` otherwise. When it
 * cannot be settled what became of the work, the claim is left to grow old.
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
  const lease = options.lease ?? LEASE_MS
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 40)
  const claim = (generation: number): URL => new URL(`${root.href}${CLAIMS}${hash}.${generation}/`)
  const failIfThere = Effect.flatMap(
    hasObject(http, object, name),
    (there) => there ? Effect.fail(alreadyExists(name, http.location)) : Effect.void,
  )

  /** The generation of the claim that is had, and since when by this machine's clock. */
  const take = Effect.fnUntraced(function* () {
    const seen: Array<number> = [] // when each generation was first found taken
    let wait = FIRST_WAIT_MS
    for (let generation = 0;;) {
      const since = performance.now()
      if (yield* collections.around(`${CLAIMS}${hash}`, makeCollection(http, claim(generation), name))) {
        return { generation, since }
      }
      yield* failIfThere
      const age = yield* ageOf(http, claim(generation), name)
      seen[generation] ??= performance.now()
      if (age !== "free" && (age ?? performance.now() - seen[generation]!) > (options.stale ?? STALE_MS)) {
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
   * From the generation `first` on: those before are needed as long as there is no object, or two writers could each
   * have one.
   */
  const free = (first: number, { generation, since }: { readonly generation: number; readonly since: number }) =>
    Effect.suspend(() => {
      // Later it might be another's already.
      if (performance.now() - since > lease) return Effect.void
      const all = Array.from({ length: generation + 1 - first }, (_, i) => claim(first + i))
      return Effect.ignore(Effect.forEach(all, (url) => removeCollection(http, url, name), { discard: true }))
    })
  return Effect.acquireUseRelease(
    take(),
    ({ since }) =>
      Effect.andThen(
        failIfThere,
        Effect.suspend(() =>
          performance.now() - since > lease
            ? Effect.fail(problem({ doing: "write", name, location: http.location }, "unavailable", "it took too long"))
            : work
        ),
      ),
    (had, exit) =>
      exit._tag === "Success" ? free(0, had) : Effect.ignore(Effect.andThen(settle, free(had.generation, had))),
  )
}

/** Milliseconds since a collection was made, `free` when there is none, undefined when the server does not say it. */
const ageOf = (http: HttpOptions, url: URL, name: string): Effect.Effect<number | "free" | undefined, StoreError> =>
  Effect.map(absent(propfind(http, url, 0, { doing: "write", name })), (found) => {
    if (found === undefined) return "free"
    const modified = found.resources[0]?.modified
    return found.now === undefined || modified === undefined ? undefined : found.now - modified
  })

/** Removes a collection with all in it. */
export const removeCollection = (http: HttpOptions, url: URL, name: string): Effect.Effect<void, StoreError> =>
  Effect.asVoid(send(http, { doing: "remove", name, method: "DELETE", url, expect: [200, 204, 404] }))
