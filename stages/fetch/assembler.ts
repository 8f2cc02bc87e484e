/** Puts contents together again from stored blocks: locate, fetch, decode, verify. */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { type Decode, makeDecoder } from "../kernel/codec.ts"
import { LONGEST_FRAME, type Transform, unframes } from "../kernel/frames.ts"
import { KernelError, type KernelSpec, type KernelTable, makeKernel } from "../kernel/kernel.ts"
import { ChunkListBuilder } from "../hash/chunk_list.ts"
import { Lender } from "../memory/lent.ts"
import { OnOtherPack } from "../pack/other_packs.ts"
import type { BlockPlace, Unpacker } from "../pack/packing.ts"
import type { Recipe } from "../plan/recipe.ts"
import type { StoreError } from "../store/store.ts"
import { type DamagedBlock, eachBlock } from "./blocks.ts"
import { badChunks, type DecodeBlocks, type DecodingSpec } from "./decoding.ts"
import { KeptBlocks, KeptChunks } from "./kept.ts"
import {
  type FailedChunk,
  findElsewhere,
  findWanted,
  MAXIMUM_CHUNK,
  otherContent,
  type Pieces,
  type Wanted,
  type WantedChunk,
} from "./wanted.ts"

/** Reads contents of one recipe. */
export interface Assembler {
  /**
   * Reads the contents of some chunk lists. Together they should have a few MiB: all of them are in memory at once, and
   * up to as much again of the blocks that they are views of. A content that is lost or altered is a result. Fails only
   * when the store cannot be reached.
   */
  readonly read: (lists: ReadonlyArray<Uint8Array>) => Effect.Effect<ReadonlyArray<Pieces | DamagedBlock>, StoreError>
  /** Makes the decoders that work on a whole content, for one content. */
  readonly transforms: () => ReadonlyArray<Transform>
}

/** What an assembler works with. */
export interface AssemblerOptions {
  readonly unpacker: Unpacker
  readonly table: KernelTable
  /** Started with the {@link decodingSpec} of the recipe. */
  readonly decode: DecodeBlocks
  /** Whether a chunk is wanted more than once. */
  readonly repeated?: ((id: Uint8Array) => boolean) | undefined
}

/** The kernels of a recipe, by what they work on. */
const partsOf = ({ kernels }: Recipe) => {
  const verifyAt = kernels.findIndex((kernel) => kernel !== "unchunk" && kernel.stage === "hash")
  const unchunkAt = kernels.indexOf("unchunk")
  const specs = kernels as ReadonlyArray<KernelSpec>
  return {
    onBlock: specs.slice(0, verifyAt),
    hasher: specs[verifyAt] as KernelSpec<"hash">,
    onChunk: specs.slice(verifyAt + 1, unchunkAt),
    onContent: specs.slice(unchunkAt + 1),
  }
}

/** How to decode the blocks that this unpacker fetches for a recipe. */
export const decodingSpec = (recipe: Recipe, { keeps }: Pick<Unpacker, "keeps">): DecodingSpec => {
  const { hasher, onBlock } = partsOf(recipe)
  return { decoders: onBlock, hasher, bytes: true, handOver: keeps !== true }
}

/** Makes the assembler of a recipe. Throws KernelError when one of its kernels cannot be made. */
export const makeAssembler = (
  recipe: Recipe,
  { decode, repeated, table, unpacker }: AssemblerOptions,
): Assembler => {
  const parts = partsOf(recipe)
  const hasher = makeKernel(parts.hasher, table)
  const onChunk = parts.onChunk.map((spec) => makeDecoder(spec, table))
  const blocks = new KeptBlocks()
  const chunks = new KeptChunks(repeated, hasher)
  const underWay = new FetchedOnce()

  /** Puts the wanted chunks of a decoded block into their contents. Bad ones have failed. */
  const take = (
    place: BlockPlace,
    lender: Lender,
    chunksOfIt: ReadonlyArray<WantedChunk>,
    bad: ReadonlyArray<number>,
    failed: Wanted["failed"],
  ): void => {
    const block = lender.bytes
    const used = chunksOfIt.reduce((sum, { from, to }) => sum + to - from, 0)
    // A view keeps the whole block in memory. So chunks are views only when most of the block is wanted.
    const views = used * 2 >= block.length
    for (const [i, wanted] of chunksOfIt.entries()) {
      const { at, from, id, into, to } = wanted
      if (bad.includes(i)) {
        failed.push(failedIn(wanted, { damage: otherContent(place) }))
        continue
      }
      const chunk = block.subarray(from, to)
      chunks.add(id, chunk)
      into[at] = views ? lender.lend(chunk) : chunk.slice()
    }
  }

  /** Takes chunks from the blocks that are kept. Returns the blocks that are not kept. */
  const takeKept = ({ blocks: wanted, failed }: Wanted, places: Iterable<BlockPlace>): ReadonlyArray<BlockPlace> => {
    const missing: Array<BlockPlace> = []
    for (const place of places) {
      const block = blocks.get(place)
      const chunksOfIt = wanted.get(place)!
      if (block === undefined) missing.push(place)
      else take(place, block, chunksOfIt, badChunks(hasher, block.bytes, chunksOfIt), failed)
    }
    return missing
  }

  const fetch = ({ blocks: wanted, failed }: Wanted, places: ReadonlyArray<BlockPlace>) =>
    eachBlock(places, {
      get: unpacker.get,
      decode,
      chunks: (place) => wanted.get(place)!,
      fetching: unpacker.fetching,
      use: (place, block, own) =>
        Effect.sync(() => {
          const chunksOfIt = wanted.get(place)!
          if ("damage" in block) {
            for (const chunk of chunksOfIt) failed.push(failedIn(chunk, block))
            return
          }
          const { bad, bytes } = block
          const lender = new Lender(bytes, own)
          lender.hold()
          take(place, lender, chunksOfIt, bad, failed)
          // A block of one chunk is hardly wanted again soon.
          if (!chunksOfIt.some(({ from, to }) => to - from === bytes.length)) blocks.add(place, lender)
          lender.drop()
        }),
    })

  /** Fetches failed chunks from their other places, one after the other. A content is lost when a chunk has no more. */
  const fetchElsewhere = Effect.fnUntraced(function* ({ contents, failed }: Wanted) {
    const told = yield* OnOtherPack
    let left: ReadonlyArray<FailedChunk> = failed
    for (let nth = 1; left.length > 0; nth++) {
      const list = new ChunkListBuilder()
      for (const { id, length } of left) list.add(id, length)
      const places = unpacker.elsewhere === undefined ? [] : yield* unpacker.elsewhere(list.take(), nth)
      const wanted = findElsewhere(contents, left, places)
      yield* fetch(wanted, takeKept(wanted, wanted.blocks.keys()))
      left = wanted.failed
    }
    for (const { at, into, why } of failed) if (into[at] !== undefined) told(why.damage)
  })

  const read: Assembler["read"] = Effect.fnUntraced(function* (lists) {
    const places = yield* unpacker.locate(concat(lists as Array<Uint8Array>))
    const wanted = findWanted(lists, places, (id, length) => chunks.get(id, length))
    const others = yield* underWay.fetchOrWait(takeKept(wanted, wanted.blocks.keys()), (mine) => fetch(wanted, mine))
    // What another read fetched is mostly kept now.
    if (others.length > 0) yield* fetch(wanted, takeKept(wanted, others))
    if (wanted.failed.length > 0) yield* fetchElsewhere(wanted)
    if (onChunk.length === 0) return wanted.contents
    return wanted.contents.map((pieces) => "damage" in pieces ? pieces : decodeChunks(pieces, onChunk))
  })

  return {
    read,
    transforms: () =>
      parts.onContent.map((spec) => {
        const decodeFrame = makeDecoder(spec, table)
        return unframes(spec.name, (frame) => decodeFrame(frame, LONGEST_FRAME))
      }),
  }
}

const failedIn = ({ at, content, from, id, into, to, why }: WantedChunk, here: DamagedBlock): FailedChunk => ({
  ...{ into, content, at, id, length: to - from },
  why: why ?? here,
})

/** Makes sure that reads which run at once do not fetch the same block twice. */
class FetchedOnce {
  /** The blocks that a read under way fetches. The latch opens when that read is done. */
  readonly #coming = new Map<BlockPlace, Latch.Latch>()

  /** Fetches the blocks that no other read fetches. Then waits for the other reads, and returns what they fetched. */
  readonly fetchOrWait = Effect.fnUntraced(function* <E>(
    this: FetchedOnce,
    places: ReadonlyArray<BlockPlace>,
    fetch: (mine: ReadonlyArray<BlockPlace>) => Effect.Effect<void, E>,
  ) {
    const others = places.filter((place) => this.#coming.has(place))
    const mine = places.filter((place) => !this.#coming.has(place))
    const done = Latch.makeUnsafe(false)
    for (const place of mine) this.#coming.set(place, done)
    yield* Effect.ensuring(
      fetch(mine),
      Effect.sync(() => {
        for (const place of mine) this.#coming.delete(place)
        done.openUnsafe()
      }),
    )
    const latches = new Set(others.map((place) => this.#coming.get(place)).filter((latch) => latch !== undefined))
    yield* Effect.forEach(latches, (latch) => latch.await, { discard: true })
    return others
  })
}

/** Decodes the chunks of a content one by one: for codecs between `chunk` and `hash`. */
const decodeChunks = (chunks: Pieces, decoders: ReadonlyArray<Decode>): Pieces | DamagedBlock => {
  try {
    return chunks.map((chunk) => decoders.reduce((bytes, decode) => decode(bytes, MAXIMUM_CHUNK), chunk))
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    return { damage: error.message }
  }
}
