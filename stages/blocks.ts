/** Fetches blocks, adjacent ones together, and decodes them; some at a time, so that memory stays bounded. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { BlockDecoder } from "./decode.ts"
import type { BlockPlace, Unpacker } from "./pack/packing.ts"
import type { ObjectStore, StoreError } from "./pack/store.ts"
import { release } from "./release.ts"

/** Why something cannot be had: a sentence that names the object. */
export interface Damage {
  readonly damage: string
}

/** How blocks are fetched. */
export interface Fetching {
  /** Blocks near each other are fetched together, up to so many stored bytes. */
  readonly bytes: number
  /** So many bytes that nobody asked for are fetched rather than asking twice. */
  readonly gap: number
  /** Fetches under way at once. */
  readonly fetches: number
  /** Bytes of all fetches under way; a larger one is alone. */
  readonly memory: number
}

/** From a disk. */
const NEAR: Fetching = { bytes: 2 << 20, gap: 0, fetches: 4, memory: Infinity }

/**
 * How to fetch blocks from a store: more at once from a remote one. There a gap of 256 KiB costs no more than the 50 ms of another request
 * at 40 Mbit/s.
 */
export const fetchingFrom = ({ properties: { connections, remote } }: ObjectStore): Fetching =>
  remote === true
    ? { bytes: 8 << 20, gap: 256 << 10, fetches: Math.max(1, Math.min(connections, 16)), memory: 32 << 20 }
    : NEAR

/** Takes a block. `own`: nothing else has its memory. */
export type UseBlock = (place: BlockPlace, block: Uint8Array | Damage, own: boolean) => void

/**
 * Gives each block to `use`, decoded, or why it cannot be had; in no particular order. As many stored bytes as `fetching` says (8 MiB by
 * default, or four blocks when those are larger) are in memory besides. Fails only when the store cannot be reached.
 */
export const eachBlock = (
  get: Unpacker["get"],
  decode: BlockDecoder,
  places: ReadonlyArray<BlockPlace>,
  use: UseBlock,
  fetching: Fetching = NEAR,
): Effect.Effect<void, StoreError> => {
  const room = fetching.memory === Infinity ? undefined : Semaphore.makeUnsafe(fetching.memory)
  const bytesOf = (run: ReadonlyArray<BlockPlace>): number => run.at(-1)!.offset + run.at(-1)!.length - run[0]!.offset
  // An object of unknown length is hardly longer than what it holds.
  const roomFor = (run: ReadonlyArray<BlockPlace>): number =>
    Math.min(run[0]!.length === Infinity ? run[0]!.rawLength : bytesOf(run), fetching.memory)
  const fetch = Effect.fnUntraced(
    function* (run: ReadonlyArray<BlockPlace>) {
      const first = run[0]!
      const stored = yield* get({ ...first, length: bytesOf(run) }).pipe(
        Effect.catch((error) =>
          error.reason === "unavailable" ? Effect.fail(error) : Effect.succeed<Damage>({ damage: error.message })
        ),
      )
      if ("damage" in stored) return run.forEach((place) => use(place, stored, false))
      let shared = false
      for (const place of run) {
        const from = place.offset - first.offset
        const bytes = stored.subarray(from, from + place.length)
        const block = yield* decode(bytes, place.rawLength).pipe(
          Effect.catch(() => Effect.succeed<Damage>({ damage: `a block of ${place.object} is damaged or altered` })),
        )
        const own = "buffer" in block && block.buffer !== stored.buffer
        if ("buffer" in block && !own) shared = true
        use(place, block, own)
      }
      if (!shared) release(stored)
    },
    (effect, run) => room === undefined ? effect : Semaphore.withPermits(room, roomFor(run))(effect),
  )
  return Effect.forEach(runs(places, fetching), fetch, { concurrency: fetching.fetches, discard: true })
}

/** Blocks of one object that are near each other in one run. */
const runs = (
  places: ReadonlyArray<BlockPlace>,
  { bytes, gap }: Fetching,
): ReadonlyArray<ReadonlyArray<BlockPlace>> => {
  const out: Array<Array<BlockPlace>> = []
  for (const place of gap > 0 ? inOrder(places) : places) {
    const run = out.at(-1)
    const last = run?.at(-1)
    const between = last === undefined ? -1 : place.offset - last.offset - last.length
    if (
      run !== undefined && last!.object === place.object && between >= 0 && between <= gap &&
      place.offset + place.length - run[0]!.offset <= bytes
    ) run.push(place)
    else out.push([place])
  }
  return out
}

/** Blocks of one object in the order of their offsets, objects in the order of their first blocks. */
const inOrder = (places: ReadonlyArray<BlockPlace>): ReadonlyArray<BlockPlace> =>
  [...Map.groupBy(places, ({ object }) => object).values()].flatMap((all) => all.sort((a, b) => a.offset - b.offset))
