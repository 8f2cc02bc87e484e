/** Puts contents together again from stored blocks: fetch, decode, verify. */
import { bytesToHex } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { Recent } from "../memory/recent.ts"
import { type DamagedBlock, eachBlock } from "./blocks.ts"
import { blockDecoder, type Decode, decoder } from "../kernel/codec.ts"
import { type Transform, unframes } from "../kernel/frames.ts"
import { chunkCount, chunkId, chunkLength, contentLength, RECORD_BYTES } from "../hash/chunk_list.ts"
import { KernelError, type KernelSpec, type KernelTable, makeKernel } from "../kernel/kernel.ts"
import { Lender } from "../memory/lent.ts"
import { badChunks, type ChunkAt, type DecodeBlocks, decodeHere, type DecodingSpec } from "./decoding.ts"
import type { BlockPlace, Unpacker } from "../pack/packing.ts"
import type { StoreError } from "../store/store.ts"
import type { Recipe } from "../plan/recipe.ts"

/** Content in pieces, in order, that may be views of decoded blocks: they are lent, and not to be changed. */
export type Pieces = ReadonlyArray<Uint8Array>

/** Reads contents of one recipe. */
export interface Assembler {
  /**
   * The contents of some chunk lists. All together should be some MiB: they, and up to as much again of the blocks that
   * they are views of, are in memory at once. What is lost or altered is a result; fails only when the store cannot be
   * reached.
   */
  readonly read: (lists: ReadonlyArray<Uint8Array>) => Effect.Effect<ReadonlyArray<Pieces | DamagedBlock>, StoreError>
  /** The decoders that work on the whole content, for one content. */
  readonly transforms: () => ReadonlyArray<Transform>
}

/** Decoded blocks that are kept, in bytes: files that share a block often follow each other. */
const KEPT_BYTES = 8 << 20
/** Chunks that are kept apart from their blocks, in bytes, and the longest of them. */
const KEPT_CHUNK_BYTES = 8 << 20
const LONGEST_KEPT = 256 << 10
/** Decoded chunk lengths beyond this are refused: no chunker makes such chunks. */
const MAXIMUM_CHUNK = 0x7fffffff

/** A chunk of a block that goes into a content. */
interface Wanted extends ChunkAt {
  readonly into: Array<Uint8Array | undefined>
  readonly list: number
  readonly at: number
}

export interface AssemblerOptions {
  /** Opens the blocks of the recipe; on this thread by default. */
  readonly open?: DecodeBlocks
  /** Whether a chunk is wanted more than once. */
  readonly repeated?: ((id: Uint8Array) => boolean) | undefined
}

const verifyAt = ({ kernels }: Recipe): number => kernels.findIndex((k) => k !== "unchunk" && k.stage === "hash")

/** How the blocks of a recipe are opened, fetched by this unpacker. */
export const decodingSpec = (recipe: Recipe, { keeps }: Pick<Unpacker, "keeps">): DecodingSpec => {
  const specs = recipe.kernels as ReadonlyArray<KernelSpec>
  const at = verifyAt(recipe)
  return {
    decoders: specs.slice(0, at),
    hasher: specs[at] as KernelSpec<"hash">,
    bytes: true,
    handOver: keeps !== true,
  }
}

export const makeAssembler = (
  recipe: Recipe,
  unpacker: Unpacker,
  table: KernelTable,
  { open, repeated }: AssemblerOptions = {},
): Assembler => {
  const unchunkAt = recipe.kernels.indexOf("unchunk")
  const specs = recipe.kernels as ReadonlyArray<KernelSpec>
  const decoding = decodingSpec(recipe, unpacker)
  const hasher = makeKernel(decoding.hasher, table)
  const openBlocks = open ?? decodeHere(blockDecoder(decoding.decoders, table, {}), hasher)
  const onChunk = specs.slice(verifyAt(recipe) + 1, unchunkAt).map((spec) => decoder(spec, table))
  const onContent = specs.slice(unchunkAt + 1)
  const kept = new Recent<BlockPlace, Lender>({
    limit: KEPT_BYTES,
    bytesOf: ({ bytes }) => bytes.length,
    dropped: (lender) => lender.drop(),
  })
  const chunks = new KeptChunks(repeated)
  /** Blocks that a read under way fetches. */
  const coming = new Map<BlockPlace, Latch.Latch>()

  const keep = (place: BlockPlace, block: Lender): void => {
    block.hold()
    kept.set(place, block)
  }

  /** Puts the wanted chunks of one decoded block where they belong, but for the bad ones. */
  const take = (
    lender: Lender,
    wanted: ReadonlyArray<Wanted>,
    bad: ReadonlyArray<number>,
    out: Array<Pieces | DamagedBlock>,
    place: BlockPlace,
  ): void => {
    const block = lender.bytes
    let used = 0
    for (const { from, to } of wanted) used += to - from
    // A view keeps all of its block in memory: only where most of that is wanted.
    const views = used * 2 >= block.length
    for (const [i, { at, from, id, into, list, to }] of wanted.entries()) {
      const chunk = block.subarray(from, to)
      if (bad.includes(i)) {
        out[list] = { damage: `a block of ${place.object} is not what was stored` }
      } else {
        chunks.add(id, chunk)
        into[at] = views ? lender.lend(chunk) : chunk.slice()
      }
    }
  }

  const read: Assembler["read"] = Effect.fnUntraced(function* (lists) {
    const places = yield* unpacker.locate(concat(lists as Array<Uint8Array>))
    const out: Array<Pieces | DamagedBlock> = []
    const blocks = new Map<BlockPlace, Array<Wanted>>()
    let n = 0
    for (const list of lists) {
      const index = out.length
      const count = chunkCount(list)
      if (contentLength(list) > MAXIMUM_CHUNK) {
        out.push({ damage: "its catalog entry has impossible lengths" })
        n += count
        continue
      }
      const into = new Array<Uint8Array>(count)
      out.push(into)
      for (let i = 0; i < count; i++, n++) {
        const place = places[n]!
        if ("lost" in place) {
          out[index] = { damage: place.lost }
          continue
        }
        const kept = chunks.get(chunkId(list, i), chunkLength(list, i))
        if (kept !== undefined) {
          into[i] = kept
          continue
        }
        const { block, from, to } = place
        if (to - from !== chunkLength(list, i)) {
          out[index] = { damage: `a chunk of ${block.object} has another length than its catalog says` }
          continue
        }
        let of = blocks.get(block)
        if (of === undefined) blocks.set(block, of = [])
        of.push({ into, list: index, at: i, from, to, id: chunkId(list, i) })
      }
    }
    const fetch = (places: ReadonlyArray<BlockPlace>) =>
      eachBlock(places, {
        get: unpacker.get,
        open: openBlocks,
        chunks: (place) => blocks.get(place)!,
        fetching: unpacker.fetching,
        use: (place, block, own) => {
          const wanted = blocks.get(place)!
          if ("damage" in block) {
            for (const { list } of wanted) out[list] = block
            return
          }
          const { bad, bytes } = block
          const lender = new Lender(bytes, own)
          lender.hold()
          take(lender, wanted, bad, out, place)
          // What is one chunk is hardly wanted again soon.
          const whole = wanted.some(({ from, to }) => to - from === bytes.length)
          if (!whole && bytes.length <= KEPT_BYTES / 4) keep(place, lender)
          lender.drop()
        },
      })
    /** Takes what is wanted of a block that is kept; false when it is not. */
    const takeKept = (place: BlockPlace): boolean => {
      const block = kept.get(place)
      if (block === undefined) return false
      const wanted = blocks.get(place)!
      take(block, wanted, badChunks(hasher, block.bytes, wanted), out, place)
      return true
    }
    const missing = [...blocks.keys()].filter((place) => !takeKept(place))
    // What another read is fetching is waited for, and then mostly kept.
    const others = missing.filter((place) => coming.has(place))
    const mine = missing.filter((place) => !coming.has(place))
    const done = Latch.makeUnsafe(false)
    for (const place of mine) coming.set(place, done)
    yield* Effect.ensuring(
      fetch(mine),
      Effect.sync(() => {
        for (const place of mine) coming.delete(place)
        done.openUnsafe()
      }),
    )
    if (others.length > 0) {
      yield* Effect.forEach(
        new Set(others.map((place) => coming.get(place)).filter((latch) => latch !== undefined)),
        (latch) => latch.await,
        { discard: true },
      )
      yield* fetch(others.filter((place) => !takeKept(place)))
    }
    return onChunk.length === 0 ? out : out.map((pieces) => "damage" in pieces ? pieces : decodeChunks(pieces, onChunk))
  })

  return {
    read,
    transforms: () =>
      onContent.map((spec) => {
        const run = decoder(spec, table)
        return unframes(spec.name, (frame) => run(frame, FRAME_LIMIT))
      }),
  }
}

/** Chunks that are wanted again, apart from their blocks: each would else have its block of 1 MiB decoded for it. */
class KeptChunks {
  readonly #wanted: ((id: Uint8Array) => boolean) | undefined
  readonly #chunks = new Recent<string, Uint8Array>({ limit: KEPT_CHUNK_BYTES, bytesOf: ({ length }) => length })

  constructor(wanted: ((id: Uint8Array) => boolean) | undefined) {
    this.#wanted = wanted
  }

  /** Keeps a copy of a verified chunk, when it is wanted again. */
  add(id: Uint8Array, chunk: Uint8Array): void {
    if (chunk.length > LONGEST_KEPT || this.#wanted?.(id) !== true) return
    const key = bytesToHex(id)
    if (!this.#chunks.has(key)) this.#chunks.set(key, chunk.slice())
  }

  get(id: Uint8Array, length: number): Uint8Array | undefined {
    if (this.#chunks.size === 0 || this.#wanted?.(id) !== true) return undefined
    const chunk = this.#chunks.get(bytesToHex(id))
    return chunk?.length === length ? chunk : undefined
  }
}

/** A decoded frame is at most this long; see framed.ts. Between two codecs a frame may have grown. */
const FRAME_LIMIT = (1 << 20) + (64 << 10)

/** Decodes the chunks of a content one by one: for codecs between `chunk` and `hash`. */
const decodeChunks = (chunks: Pieces, decoders: ReadonlyArray<Decode>): Pieces | DamagedBlock => {
  try {
    return chunks.map((chunk) => decoders.reduce((bytes, run) => run(bytes, MAXIMUM_CHUNK), chunk))
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    return { damage: error.message }
  }
}

/** Splits a chunk list into lists of about `bytes` of content each, at least one chunk in each. */
export const splitList = (list: Uint8Array, bytes: number): ReadonlyArray<Uint8Array> => {
  const out: Array<Uint8Array> = []
  let from = 0
  let size = 0
  for (let i = 0; i < chunkCount(list); i++) {
    if (size > 0 && size + chunkLength(list, i) > bytes) {
      out.push(list.subarray(from * RECORD_BYTES, i * RECORD_BYTES))
      from = i
      size = 0
    }
    size += chunkLength(list, i)
  }
  if (from < chunkCount(list)) out.push(list.subarray(from * RECORD_BYTES))
  return out
}
