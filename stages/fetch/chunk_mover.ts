/**
 * Moves chunks from the blocks of one repository into those of another: fetch, verify, name as the target names them,
 * store.
 *
 * When the target has no chunk of a block, the whole block can go over. It stays as it is compressed, and is only
 * sealed with the key of the target. Chunks of other blocks are gathered into new blocks, as `pack` does with the
 * chunks that it cuts.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { ChunkListBuilder } from "../hash/chunk_list.ts"
import { catching, catchingLater } from "../kernel/catching.ts"
import { Beside, makeBlockDecoders, makeSeal } from "../kernel/codec.ts"
import { type Hasher, KernelError, Kernels, type KernelSpec, makeKernel } from "../kernel/kernel.ts"
import { OnOtherPack } from "../pack/other_packs.ts"
import type { BlockPlace, ChunkLost, ChunkPlace, Packer, Unpacker } from "../pack/packing.ts"
import type { Plan } from "../plan/plan.ts"
import { type Block, sealBlocks } from "../run/block.ts"
import { Lane } from "../run/lane.ts"
import type { OnRead } from "../run/progress.ts"
import type { StoreError } from "../store/store.ts"
import { eachBlock } from "./blocks.ts"
import { type ChunkNames, sameNames } from "./chunk_names.ts"
import { type ChunkAt, decodeBlock, type DecodedBlock, decodeHereTo } from "./decoding.ts"
import { MAXIMUM_CHUNK, otherContent, otherLength } from "./wanted.ts"

/** From where and to where. */
export interface MoverOptions {
  readonly from: {
    readonly unpacker: Unpacker
    /** The kernels whose inverses decode a block. */
    readonly decrypt?: KernelSpec<"encrypt">
    readonly decompress?: KernelSpec<"compress">
    readonly hash: KernelSpec<"hash">
  }
  readonly to: {
    readonly packer: Packer
    /** The plan of a backup to the target. */
    readonly plan: Plan
    /** Whether whole blocks can go over as they are compressed. Otherwise all blocks are made anew. */
    readonly wholeBlocks: boolean
  }
  readonly names: ChunkNames
}

/** A chunk that the target does not have. */
export interface MissingChunk {
  readonly id: Uint8Array
  readonly length: number
  /** The path of an entry that has it, for progress. */
  readonly path: string
}

/** Something about chunks, by their {@link chunkKey}. */
export type ByChunk<A> = ReadonlyMap<string, A>

/** An ID as the key of a map. */
export const chunkKey = (id: Uint8Array): string => bytesToHex(id)

/** Moves chunks. */
export interface ChunkMover {
  /**
   * Fetches chunks, and stores those that the target does not have. Returns the chunks that are lost, and why: a clause
   * that names the object.
   */
  readonly move: (
    missing: ByChunk<MissingChunk>,
    onRead: OnRead,
  ) => Effect.Effect<ByChunk<string>, StoreError | KernelError>
  /** Stores what is gathered, and makes all of it durable. */
  readonly finish: Effect.Effect<void, StoreError | KernelError>
}

/** Decoded blocks that are in memory before they are stored again, in bytes. */
const STEP_BYTES = 8 << 20
/** Steps that run at once. */
const STEPS = 2

/** A chunk, and where in its block it is. */
interface WantedChunk extends MissingChunk, ChunkAt {}

/** A decoded block, and what it was decoded from. */
interface DecodedForms extends DecodedBlock {
  readonly stored: Uint8Array
  /** The block before it was decompressed. It may share memory with `stored` or with `bytes`. */
  readonly compressed: Uint8Array
}

/** A verified chunk with its name in the target. */
interface NamedChunk {
  readonly bytes: Uint8Array
  readonly id: Uint8Array
}

/** Makes a mover. Fails with KernelError when a kernel of the plan cannot be made. */
export const makeChunkMover: (options: MoverOptions) => Effect.Effect<ChunkMover, KernelError> = Effect.fnUntraced(
  function* ({ from, names, to }) {
    const table = yield* Kernels
    const beside = yield* Beside
    const { packer, plan } = to
    const newHasher = makeKernel(plan.find((spec) => spec.stage === "hash") as KernelSpec<"hash">, table) as Hasher
    const lane = yield* catching(
      KernelError,
      () => new Lane(plan, table, { blockBytes: packer.blockBytes, claim: packer.claim, sealLater: true }),
    )
    const seal = makeSeal(plan, table)
    const lock = yield* Semaphore.make(1)

    const decrypt = makeBlockDecoders(from.decrypt === undefined ? [] : [from.decrypt], table, beside)
    const decompress = makeBlockDecoders(from.decompress === undefined ? [] : [from.decompress], table, beside)
    const decode = decodeHereTo(
      (stored, limit, cipher) =>
        Effect.flatMap(
          decodeBlock(decrypt, stored, stored.length, cipher),
          (compressed) =>
            Effect.map(decodeBlock(decompress, compressed, limit), (bytes) => ({ bytes, stored, compressed })),
        ),
      makeKernel(from.hash, table),
    )

    /** Groups chunks by block. Adds chunks that are in none to `lost`. */
    const byBlock = (
      chunks: ReadonlyArray<MissingChunk>,
      places: ReadonlyArray<ChunkPlace | ChunkLost>,
      lost: Map<string, string>,
    ): ReadonlyMap<BlockPlace, ReadonlyArray<WantedChunk>> => {
      const blocks = new Map<BlockPlace, Array<WantedChunk>>()
      for (const [i, place] of places.entries()) {
        const chunk = chunks[i]!
        if ("lost" in place) lost.set(chunkKey(chunk.id), place.lost)
        else if (place.to - place.from !== chunk.length || chunk.length > MAXIMUM_CHUNK) {
          lost.set(chunkKey(chunk.id), otherLength(place.block))
        } else {
          const wanted = blocks.get(place.block)
          const one: WantedChunk = { ...chunk, from: place.from, to: place.to }
          if (wanted === undefined) blocks.set(place.block, [one])
          else wanted.push(one)
        }
      }
      for (const wanted of blocks.values()) wanted.sort((a, b) => a.from - b.from)
      return blocks
    }

    /** Names the good chunks of a block as the target does. Adds the bad ones to `lost`. */
    const nameChunks = (
      place: BlockPlace,
      { bad, bytes }: DecodedBlock,
      wanted: ReadonlyArray<WantedChunk>,
      lost: Map<string, string>,
    ): ReadonlyArray<NamedChunk> => {
      const named: Array<NamedChunk> = []
      for (const [i, { from, id, to }] of wanted.entries()) {
        if (bad.includes(i)) {
          lost.set(chunkKey(id), otherContent(place))
          continue
        }
        const chunk = bytes.subarray(from, to)
        const newId = names === sameNames ? id : newHasher.digest(chunk)
        names.set(id, newId)
        named.push({ bytes: chunk, id: newId })
      }
      return named
    }

    /** Whether a block goes over whole: all of its chunks are wanted, good and new. */
    const isWhole = (
      { rawLength }: BlockPlace,
      block: Uint8Array,
      wanted: ReadonlyArray<WantedChunk>,
      named: ReadonlyArray<NamedChunk>,
    ): boolean =>
      block.length === rawLength &&
      named.reduce((sum, { bytes }) => sum + bytes.length, 0) === rawLength &&
      wanted.every(({ from }, i) => from === (i === 0 ? 0 : wanted[i - 1]!.to)) &&
      !named.some(({ id }) => packer.has(id))

    /** Claims the chunks of a block that goes over whole. Returns the block, which is not sealed yet. */
    const wholeBlock = (
      { compressed, stored }: DecodedForms,
      { rawLength }: BlockPlace,
      named: ReadonlyArray<NamedChunk>,
    ): Block => {
      const list = new ChunkListBuilder()
      for (const { bytes, id } of named) {
        packer.claim(id)
        list.add(id, bytes.length)
      }
      // The memory of what was fetched is freed when all of its blocks were used.
      const bytes = compressed.buffer === stored.buffer ? compressed.slice() : compressed
      return { chunks: list.take(), rawLength, bytes }
    }

    /** Hands blocks over to the packer: those that are ready in the lane, and those that go over whole. */
    const add = Effect.fnUntraced(function* (whole: ReadonlyArray<Block>) {
      const blocks = yield* catchingLater(
        KernelError,
        async () => [...await lane.takeSealed(), ...await sealBlocks(whole, seal)],
      )
      if (blocks.length > 0) yield* lock.withPermits(1)(packer.add(blocks))
    })

    /** Moves chunks from these places. Adds those that are lost there to `lost`. */
    const moveFrom = Effect.fnUntraced(function* (
      places: ReadonlyArray<ChunkPlace | ChunkLost>,
      chunks: ReadonlyArray<MissingChunk>,
      lost: Map<string, string>,
      onRead: OnRead,
    ) {
      const blocks = byBlock(chunks, places, lost)
      const moveStep = Effect.fnUntraced(function* (places: ReadonlyArray<BlockPlace>) {
        const whole: Array<Block> = []
        yield* eachBlock(places, {
          get: from.unpacker.get,
          decode,
          chunks: (place) => blocks.get(place)!,
          use: (place, block) =>
            catching(KernelError, () => {
              const wanted = blocks.get(place)!
              if ("damage" in block) {
                for (const { id } of wanted) lost.set(chunkKey(id), block.damage)
                return
              }
              const named = nameChunks(place, block, wanted, lost)
              if (to.wholeBlocks && isWhole(place, block.bytes, wanted, named)) {
                whole.push(wholeBlock(block, place, named))
              } else for (const { bytes } of named) lane.addChunk(bytes)
              for (const [i, { length, path }] of wanted.entries()) if (!block.bad.includes(i)) onRead(path, length)
            }),
        })
        yield* add(whole)
      })
      yield* Effect.forEach(stepsOf([...blocks.keys()]), moveStep, { concurrency: STEPS, discard: true })
    })

    /** Moves lost chunks from their other places. Takes those that it moved out of `lost`. */
    const moveElsewhere = Effect.fnUntraced(function* (
      missing: ByChunk<MissingChunk>,
      lost: Map<string, string>,
      onRead: OnRead,
    ) {
      const told = yield* OnOtherPack
      let left = [...lost.keys()].map((key) => missing.get(key)!)
      for (let nth = 1; left.length > 0; nth++) {
        const places = (yield* from.unpacker.elsewhere?.(listOf(left), nth) ?? Effect.succeed([]))
          .map((place, i) => ({ place, chunk: left[i]! }))
          .filter((one): one is { place: ChunkPlace | ChunkLost; chunk: MissingChunk } => one.place !== undefined)
        const chunks = places.map(({ chunk }) => chunk)
        const again = new Map<string, string>()
        yield* moveFrom(places.map(({ place }) => place), chunks, again, onRead)
        for (const { id } of chunks) {
          const key = chunkKey(id)
          if (again.has(key)) continue
          told(lost.get(key)!)
          lost.delete(key)
        }
        left = chunks.filter(({ id }) => again.has(chunkKey(id)))
      }
    })

    const move: ChunkMover["move"] = Effect.fnUntraced(function* (missing, onRead) {
      const lost = new Map<string, string>()
      const chunks = [...missing.values()]
      yield* moveFrom(yield* from.unpacker.locate(listOf(chunks)), chunks, lost, onRead)
      if (lost.size > 0) yield* moveElsewhere(missing, lost, onRead)
      return lost
    })

    return {
      move,
      finish: catching(KernelError, () => lane.flush()).pipe(
        Effect.andThen(add([])),
        Effect.andThen(Effect.suspend(() => packer.finish)),
      ),
    }
  },
)

const listOf = (chunks: ReadonlyArray<MissingChunk>): Uint8Array => {
  const list = new ChunkListBuilder()
  for (const { id, length } of chunks) list.add(id, length)
  return list.take()
}

/** Splits blocks into steps. The content of a step is stored before the next step begins. */
const stepsOf = (places: ReadonlyArray<BlockPlace>): ReadonlyArray<ReadonlyArray<BlockPlace>> => {
  const out: Array<Array<BlockPlace>> = []
  let bytes = STEP_BYTES
  for (const place of places) {
    if (bytes >= STEP_BYTES) {
      out.push([])
      bytes = 0
    }
    out.at(-1)!.push(place)
    bytes += place.rawLength
  }
  return out
}
