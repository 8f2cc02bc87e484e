/** Fetches blocks, adjacent ones together, and opens them; some at a time, so that memory stays bounded. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { KernelError } from "../kernel/kernel.ts"
import type { ChunkAt, DecodeBlocks, DecodedBlock } from "./decoding.ts"
import type { BlockPlace, Unpacker } from "../pack/packing.ts"
import { Afresh, OnSecondRead } from "../store/second_read.ts"
import { type Fetching, NEAR } from "../store/fetching.ts"
import type { StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"
import { release } from "../memory/release.ts"

/** Why something cannot be had: a sentence that names the object. */
export interface DamagedBlock {
  readonly damage: string
  /** What a store said that could not read it. */
  readonly cause?: unknown
}

/** Takes a block. `own`: nothing else has its memory. */
export type UseBlock = (place: BlockPlace, block: DecodedBlock | DamagedBlock, own: boolean) => void

/** How blocks are opened, and what of them is verified. */
export interface BlocksOptions {
  readonly get: Unpacker["get"]
  readonly open: DecodeBlocks
  /** The chunks of a block to be verified. */
  readonly chunks: (place: BlockPlace) => ReadonlyArray<ChunkAt>
  readonly use: UseBlock
  readonly fetching?: Fetching | undefined
}

/**
 * Gives each block to `use`, opened, or why it cannot be had; in no particular order. One that is not what it should be
 * is fetched once more by itself, afresh. As many stored bytes as `fetching` says (8 MiB by default, or four blocks
 * when those are larger) are in memory besides. Fails only when the store cannot be reached.
 */
export const eachBlock = (
  places: ReadonlyArray<BlockPlace>,
  { chunks, fetching = NEAR, get, open, use }: BlocksOptions,
): Effect.Effect<void, StoreError> => {
  const room = fetching.memory === Infinity ? undefined : Semaphore.makeUnsafe(fetching.memory)
  const bytesOf = (run: ReadonlyArray<BlockPlace>): number => run.at(-1)!.offset + run.at(-1)!.length - run[0]!.offset
  // An object of unknown length is hardly longer than what it holds.
  const roomFor = (run: ReadonlyArray<BlockPlace>): number =>
    Math.min(run[0]!.length === Infinity ? run[0]!.rawLength : bytesOf(run), fetching.memory)
  const tryToFetch = Effect.fnUntraced(function* (
    run: ReadonlyArray<BlockPlace>,
  ): Effect.fn.Return<void, StoreError | KernelError> {
    const first = run[0]!
    const afresh = yield* Afresh
    const stored = yield* get({ ...first, length: bytesOf(run) }).pipe(
      Effect.catch((error) =>
        concernsObject(error)
          ? Effect.succeed({ damage: error.message, cause: error, partly: error.reason !== "not-found" })
          : Effect.fail(error)
      ),
    )
    if ("damage" in stored) {
      // One part that cannot be read is no reason to lose those beside it.
      if (run.length > 1 && stored.partly) return yield* each(run)
      return run.forEach((place) => use(place, stored, false))
    }
    const blocks = run.map((place) => ({
      from: place.offset - first.offset,
      to: Math.min(place.offset - first.offset + place.length, stored.length),
      limit: place.rawLength,
      chunks: chunks(place),
    }))
    const { buffer } = stored
    let shared = false
    const wrong: Array<BlockPlace> = []
    const told = yield* OnSecondRead
    yield* open(stored, blocks, (i, block) => {
      const place = run[i]!
      if (block === undefined || block.bad.length > 0) {
        if (!afresh) return wrong.push(place)
        if (block === undefined) {
          return use(place, { damage: `a block of ${place.object} is damaged or altered` }, false)
        }
      } else if (afresh) told(place.object)
      const own = block.bytes.buffer !== buffer
      if (!own) shared = true
      use(place, block, own)
    })
    if (!shared) release(stored)
    if (wrong.length === 0) return
    yield* Effect.provideService(each(wrong), Afresh, true)
  })
  // A thread that stopped took what was fetched with it; another opens it, or this one.
  const fetchRun = (run: ReadonlyArray<BlockPlace>): Effect.Effect<void, StoreError> =>
    Effect.catchTag(
      tryToFetch(run),
      "KernelError",
      () => Effect.catchTag(tryToFetch(run), "KernelError", (error: KernelError) => Effect.die(error)),
    )
  const each = (places: ReadonlyArray<BlockPlace>): Effect.Effect<void, StoreError> =>
    Effect.forEach(places, (place) => fetchRun([place]), { discard: true })
  const fetch = (run: ReadonlyArray<BlockPlace>): Effect.Effect<void, StoreError> =>
    room === undefined ? fetchRun(run) : Semaphore.withPermits(room, roomFor(run))(fetchRun(run))
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
