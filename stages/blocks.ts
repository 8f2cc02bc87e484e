/** Fetches blocks, adjacent ones together, and decodes them; some at a time, so that memory stays bounded. */
import * as Effect from "effect/Effect"
import type { BlockDecoder } from "./decode.ts"
import type { BlockPlace, Unpacker } from "./pack/packing.ts"
import type { StoreError } from "./pack/store.ts"
import { release } from "./release.ts"

/** Why something cannot be had: a sentence that names the object. */
export interface Damage {
  readonly damage: string
}

/** Adjacent blocks are fetched together up to so many stored bytes. */
const FETCH_BYTES = 2 << 20
/** Fetches under way at once. */
const FETCHES = 4

/** Takes a block. `own`: nothing else has its memory. */
export type UseBlock = (place: BlockPlace, block: Uint8Array | Damage, own: boolean) => void

/**
 * Gives each block to `use`, decoded, or why it cannot be had; in no particular order. Up to 8 MiB of stored bytes, or four blocks when
 * those are larger, are in memory besides. Fails only when the store cannot be reached.
 */
export const eachBlock = (
  get: Unpacker["get"],
  decode: BlockDecoder,
  places: ReadonlyArray<BlockPlace>,
  use: UseBlock,
): Effect.Effect<void, StoreError> =>
  Effect.forEach(
    runs(places),
    Effect.fnUntraced(function* (run: ReadonlyArray<BlockPlace>) {
      const stored = yield* get({ ...run[0]!, length: run.reduce((sum, { length }) => sum + length, 0) }).pipe(
        Effect.catch((error) =>
          error.reason === "unavailable" ? Effect.fail(error) : Effect.succeed<Damage>({ damage: error.message })
        ),
      )
      if ("damage" in stored) return run.forEach((place) => use(place, stored, false))
      let offset = 0
      let shared = false
      for (const place of run) {
        const bytes = stored.subarray(offset, offset + place.length)
        offset += place.length
        const block = yield* decode(bytes, place.rawLength).pipe(
          Effect.catch(() => Effect.succeed<Damage>({ damage: `a block of ${place.object} is damaged or altered` })),
        )
        const own = "buffer" in block && block.buffer !== stored.buffer
        if ("buffer" in block && !own) shared = true
        use(place, block, own)
      }
      if (!shared) release(stored)
    }),
    { concurrency: FETCHES, discard: true },
  )

/** Adjacent blocks of one object in one run. */
const runs = (places: ReadonlyArray<BlockPlace>): ReadonlyArray<ReadonlyArray<BlockPlace>> => {
  const out: Array<Array<BlockPlace>> = []
  let bytes = 0
  for (const place of places) {
    const run = out.at(-1)
    const last = run?.at(-1)
    if (
      run !== undefined && last !== undefined && last.object === place.object &&
      last.offset + last.length === place.offset &&
      bytes + place.length <= FETCH_BYTES
    ) {
      run.push(place)
      bytes += place.length
    } else {
      out.push([place])
      bytes = place.length
    }
  }
  return out
}
