/** Fetches objects of a remote store whole when most of them is wanted: one request instead of one for each part. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import { Recent } from "../memory/recent.ts"
import { release } from "../memory/release.ts"
import { Afresh } from "./second_read.ts"
import type { ObjectStore, Range, StoreError, Whole } from "./store.ts"
import { concernsObject } from "./unreadable.ts"

/** Larger objects are not fetched whole. A pack of 16 MiB is a little larger than 16 MiB. */
const LARGEST_BYTES = 32 << 20
/** Bytes of whole objects under way at once, at most: two packs of 16 MiB. */
const UNDER_WAY_BYTES = 36 << 20
/** Only objects up to this size are fetched whole again after they were dropped. */
const SMALL_BYTES = 256 << 10

/** Which objects are read whole. */
export interface WholeReads {
  /** The size of an object to fetch whole; undefined: fetch only the parts that are asked for. */
  readonly sizeOf: (name: string) => number | undefined
  /** How many bytes may be in memory, kept or under way. Objects that were not used for the longest time go first. */
  readonly bytes: number
}

/**
 * A `get` that fetches an object whole when a part of it is first read, and serves this part and later ones from
 * memory.
 *
 * An object is fetched in parts when it is larger than 32 MiB or than there is room for, when it has more than 256 KiB
 * and was dropped before, and when fetching it whole failed or gave another size. Then errors are those of the parts.
 * When the store is unavailable, it fails as the store does.
 */
export const wholeReads = (
  store: Pick<ObjectStore, "get">,
  { bytes: limit, sizeOf }: WholeReads,
): Pick<ObjectStore, "get"> => {
  const kept = new Recent<string, Uint8Array>({ limit, bytesOf: ({ length }) => length, dropped: release })
  const fetches = new Map<string, Deferred.Deferred<void>>()
  const tried = new Set<string>()
  const underWay = Math.min(UNDER_WAY_BYTES, limit)
  const largest = Math.min(LARGEST_BYTES, underWay)
  const room = Semaphore.makeUnsafe(underWay)
  /** Bytes of objects that are being fetched. */
  let coming = 0

  const fromMemory = (name: string, part: Range | Whole) => {
    const whole = kept.get(name)
    if (whole === undefined) return undefined
    const { length, offset } = "atMost" in part ? { offset: 0, length: whole.length } : part
    // The store answers for ranges that count from the end or go beyond it.
    if (offset < 0 || offset + length > whole.length) return undefined
    return whole.slice(offset, offset + length)
  }
  const fetch = (name: string, size: number): Effect.Effect<void, StoreError> =>
    Effect.suspend(() => {
      const done = Deferred.makeUnsafe<void>()
      fetches.set(name, done)
      const whole = Effect.suspend(() => {
        coming += size
        kept.shrinkTo(limit - coming)
        return Effect.onExit(
          store.get(name, { atMost: size }),
          (exit) =>
            Effect.sync(() => {
              coming -= size
              if (Exit.isSuccess(exit) && exit.value.length === size) kept.set(name, exit.value)
            }),
        )
      })
      return Semaphore.withPermits(room, size)(whole).pipe(
        Effect.matchEffect({
          onSuccess: () => Effect.sync(() => void tried.add(name)),
          onFailure: (error) => concernsObject(error) ? Effect.sync(() => void tried.add(name)) : Effect.fail(error),
        }),
        Effect.ensuring(Effect.sync(() => {
          fetches.delete(name)
          Deferred.doneUnsafe(done, Effect.void)
        })),
      )
    })

  /** Forgets an object: what is in memory may be what was read wrongly. */
  const drop = (name: string): void => {
    const whole = kept.delete(name)
    if (whole !== undefined) release(whole)
  }

  const get: ObjectStore["get"] = (name, part) =>
    Effect.flatMap(Afresh, (afresh) => {
      if (afresh) {
        drop(name)
        return store.get(name, part)
      }
      const found = fromMemory(name, part)
      if (found !== undefined) return Effect.succeed(found)
      const other = fetches.get(name)
      // The other fetch may be interrupted, so try again after it.
      if (other !== undefined) return Effect.andThen(Deferred.await(other), get(name, part))
      const size = kept.has(name) ? undefined : sizeOf(name)
      if (size === undefined || size > largest || (size > SMALL_BYTES && tried.has(name))) return store.get(name, part)
      return Effect.andThen(
        fetch(name, size),
        Effect.suspend(() => {
          const found = fromMemory(name, part)
          return found === undefined ? store.get(name, part) : Effect.succeed(found)
        }),
      )
    })
  return { get }
}
