/** Fetches blocks, adjacent blocks with one request, and decodes them. Memory stays bounded. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { release } from "../memory/release.ts"
import type { BlockPlace, Unpacker } from "../pack/packing.ts"
import { type Fetching, NEAR } from "../store/fetching.ts"
import { Afresh, OnSecondRead } from "../store/second_read.ts"
import type { StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"
import type { ChunkAt, DecodeBlocks, DecodedBlock, DecoderStopped } from "./decoding.ts"

/** A block that cannot be read, or is not what was stored. */
export interface DamagedBlock {
  /** Why: a clause that names the object. */
  readonly damage: string
  /** The error of the store, when it could not read the object. */
  readonly cause?: unknown
}

/** What to fetch from where, and what to do with it. */
export interface BlocksOptions<B extends DecodedBlock, E> {
  readonly get: Unpacker["get"]
  readonly decode: DecodeBlocks<B>
  /** The chunks of a block to be verified. */
  readonly chunks: (place: BlockPlace) => ReadonlyArray<ChunkAt>
  /** Takes a block. `own`: nothing else has its memory. */
  readonly use: (place: BlockPlace, block: B | DamagedBlock, own: boolean) => Effect.Effect<void, E>
  /** How to fetch; as from a disk, by default. */
  readonly fetching?: Fetching | undefined
}

/**
 * Fetches blocks and gives each to `use`, decoded or damaged, in no particular order. A block that is not what it
 * should be is fetched once more, alone and afresh, before it counts as damaged. Up to `fetching.memory` stored bytes
 * are in memory; from a disk 8 MiB, or four blocks when these are larger. Fails when the store cannot be reached, and
 * with what `use` fails with.
 */
export const eachBlock = <B extends DecodedBlock, E>(
  places: ReadonlyArray<BlockPlace>,
  { chunks, decode, fetching = NEAR, get, use }: BlocksOptions<B, E>,
): Effect.Effect<void, StoreError | E> => {
  const room = fetching.memory === Infinity ? undefined : Semaphore.makeUnsafe(fetching.memory)
  const tryToFetch = Effect.fnUntraced(function* (
    run: Run,
  ): Effect.fn.Return<void, StoreError | DecoderStopped | E> {
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
      // Only some of the blocks may be unreadable. They are fetched one by one, so that the others are not lost.
      if (run.length > 1 && stored.partly) return yield* oneByOne(run)
      return yield* Effect.forEach(run, (place) => use(place, stored, false), { discard: true })
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
    const readWell = yield* OnSecondRead
    yield* decode(stored, blocks, (i, block) => {
      const place = run[i]!
      if (block === undefined || block.bad.length > 0) {
        if (!afresh) {
          wrong.push(place)
          return Effect.void
        }
        if (block === undefined) {
          return use(place, { damage: `a block of ${place.object} is damaged or altered` }, false)
        }
      } else if (afresh) readWell(place.object)
      const own = block.bytes.buffer !== buffer
      if (!own) shared = true
      return use(place, block, own)
    }, first.cipher)
    if (!shared) release(stored)
    if (wrong.length > 0) yield* Effect.provideService(oneByOne(wrong), Afresh, true)
  })
  // What was fetched is lost with the thread that stopped. So it is fetched again, once.
  const fetchRun = (run: Run): Effect.Effect<void, StoreError | E> =>
    tryToFetch(run).pipe(
      Effect.catchIf(isDecoderStopped, () => tryToFetch(run)),
      Effect.catchIf(isDecoderStopped, ({ cause }) => Effect.die(cause)),
    )
  const oneByOne = (places: ReadonlyArray<BlockPlace>): Effect.Effect<void, StoreError | E> =>
    Effect.forEach(places, (place) => fetchRun([place]), { discard: true })
  const fetchInRoom = (run: Run): Effect.Effect<void, StoreError | E> =>
    room === undefined
      ? fetchRun(run)
      : Semaphore.withPermits(room, Math.min(expectedBytes(run), fetching.memory))(fetchRun(run))
  return Effect.forEach(runsOf(places, fetching), fetchInRoom, { concurrency: fetching.fetches, discard: true })
}

const isDecoderStopped = (error: unknown): error is DecoderStopped =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "DecoderStopped"

/** Blocks of one object that are fetched together, in the order of their offsets. */
type Run = ReadonlyArray<BlockPlace>

const bytesOf = (run: Run): number => run.at(-1)!.offset + run.at(-1)!.length - run[0]!.offset

/** An object of unknown length is hardly longer than the content of its block. */
const expectedBytes = (run: Run): number => run[0]!.length === Infinity ? run[0]!.rawLength : bytesOf(run)

/** Puts blocks of one object that are near each other into one run. */
const runsOf = (places: ReadonlyArray<BlockPlace>, { bytes, gap }: Fetching): ReadonlyArray<Run> => {
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
