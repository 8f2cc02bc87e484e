/**
 * From one repository into another of the same kind, chunk by chunk: what an entry consists of is named as the target
 * names it, and only chunks that the target does not have are fetched, verified and stored. Chunks stay as they were
 * cut.
 *
 * A block of which every chunk is missing goes over as it is compressed, and is sealed anew; with the same cipher, as
 * it is stored. Chunks out of other blocks are gathered into new ones, as `pack` does with those that it cuts.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { SourceError } from "../walk/errors.ts"
import { eachBlock } from "./blocks.ts"
import { Beside, type BlockDecoder, blockDecoder } from "../kernel/codec.ts"
import { catching } from "../kernel/catching.ts"
import { ReadProgress } from "../run/progress.ts"
import type { Stored } from "../plan/stored.ts"
import { chunkCount, chunkId, chunkLength, contentLength, RECORD_BYTES } from "../hash/chunk_list.ts"
import { type Cipher, type Hasher, KernelError, Kernels, type KernelSpec, makeKernel } from "../kernel/kernel.ts"
import { type Block, Lane } from "../run/lane.ts"
import type { Packed } from "../pack/pack.ts"
import type { BlockPlace, Packer, PackStats, Unpacker } from "../pack/packing.ts"
import type { StoreError } from "../store/store.ts"
import { type DecodedBlock, decodeHere } from "./decoding.ts"
import type { Plan, Steps } from "../plan/plan.ts"
import { unreadable } from "../plan/stored.ts"

/**
 * How chunks of the source are named in the target, as far as that is known. The methods may throw {@link KernelError}.
 */
export interface ChunkNames {
  /** The ID in the target; a name says nothing of whether the target has the chunk. */
  readonly get: (id: Uint8Array) => Uint8Array | undefined
  /** Keeps a pair. The arrays are not kept. */
  readonly set: (source: Uint8Array, target: Uint8Array) => void
}

/** Where all chunks have the same names on both sides. */
export const sameNames: ChunkNames = { get: (id) => id, set: () => {} }

/** From where and to where. */
export interface TransferOptions {
  readonly from: {
    readonly unpacker: Unpacker
    /** The inverses, in their order: of what was done to a block after it was hashed. */
    readonly decrypt?: KernelSpec<"encrypt">
    readonly decompress?: KernelSpec<"compress">
    readonly hash: KernelSpec<"hash">
  }
  readonly to: {
    readonly packer: Packer
    /** As of a backup. */
    readonly plan: Plan
    /**
     * Blocks of the source, opened but still compressed, are blocks of the target when they are sealed: `sealed`, even
     * as they are stored, because the key is the same. Absent: they are made anew.
     */
    readonly blocks?: "compressed" | "sealed"
  }
  readonly names: ChunkNames
}

/** A running transfer. Chunks that it stored are durable when the stream of entries ends that needed them. */
export interface Transfer {
  /**
   * The entries as the target has them. One with content that the source has lost is `unreadable`. `reused` are those
   * of which no chunk was fetched. One stream at a time.
   */
  readonly entries: <E, R>(
    entries: Stream.Stream<Stored, E, R>,
  ) => Stream.Stream<Packed<Steps>, E | StoreError | KernelError, R>
}

/** Entries that are looked at together. */
const UNIT_ENTRIES = 4096
/** Chunks that are fetched together: so many, of so many bytes. */
const BATCH_CHUNKS = 1 << 14
const BATCH_BYTES = 64 << 20
/** Decoded blocks that are in memory before they are stored again, in bytes; twice as many at most. */
const STEP_BYTES = 8 << 20
const STEPS = 2
/** Blocks that are sealed at once, where the runtime seals beside this thread. */
const SEALS = 4
/** Longer chunks are refused: no chunker makes them. */
const MAXIMUM_CHUNK = 0x7fffffff

/** A chunk to be fetched. */
interface Missing {
  readonly id: Uint8Array
  readonly length: number
  /** The path of an entry that has it, for progress. */
  readonly path: string
}

/** Where in its block it is. */
interface Wanted extends Missing {
  readonly from: number
  readonly to: number
}

export const makeTransfer: (options: TransferOptions) => Effect.Effect<Transfer, KernelError> = Effect.fnUntraced(
  function* ({ from, names, to }) {
    const table = yield* Kernels
    const beside = yield* Beside
    const { packer, plan } = to
    const newHasher = makeKernel(plan.find((spec) => spec.stage === "hash") as KernelSpec<"hash">, table) as Hasher
    const sameIds = names === sameNames
    const lane = yield* catching(
      KernelError,
      () => new Lane(plan, table, { blockBytes: packer.blockBytes, claim: packer.claim, sealLater: true }),
    )
    const last = plan.at(-1)
    const cipher = last?.stage === "encrypt" ? makeKernel(last, table) as Cipher : undefined
    const lock = yield* Semaphore.make(1)

    /** Each decoded block as it was before it was decompressed, and before it was opened. */
    const forms = new WeakMap<Uint8Array, { readonly stored: Uint8Array; readonly compressed: Uint8Array }>()
    const decrypt = blockDecoder(from.decrypt === undefined ? [] : [from.decrypt], table, beside)
    const decompress = blockDecoder(from.decompress === undefined ? [] : [from.decompress], table, beside)
    const decode: BlockDecoder = (stored, limit) =>
      Effect.flatMap(
        decrypt(stored, stored.length),
        (compressed) =>
          Effect.map(decompress(compressed, limit), (block) => {
            // What the store gave and what was opened have to be told apart from the block itself.
            const own = block === stored || block === compressed ? block.subarray() : block
            forms.set(own, { stored, compressed })
            return own
          }),
      )

    const open = decodeHere(decode, makeKernel(from.hash, table))

    /** Hands blocks over, sealed. */
    const add = Effect.fnUntraced(function* (whole: ReadonlyArray<Block>) {
      const gathered = lane.take()
      const unsealed = to.blocks === "sealed" ? gathered : [...gathered, ...whole]
      const { sealLater } = lane
      const sealed = sealLater === undefined ? unsealed : yield* Effect.forEach(unsealed, (block) =>
        Effect.map(
          Effect.tryPromise({
            try: () => sealLater(block.bytes),
            catch: (error) => error as KernelError,
          }),
          (bytes): Block => ({ ...block, bytes }),
        ), {
        concurrency: SEALS,
      })
      const blocks = to.blocks === "sealed" ? [...sealed, ...whole] : sealed
      if (blocks.length > 0) yield* lock.withPermits(1)(packer.add(blocks))
    })

    /** Takes the wanted chunks of a decoded block. Gives the block for the target when all of it goes over. */
    const take = (
      { object, rawLength }: BlockPlace,
      { bad, bytes: block }: DecodedBlock,
      wanted: ReadonlyArray<Wanted>,
      lost: Map<string, string>,
    ): Block | undefined => {
      const list = new Uint8Array(wanted.length * RECORD_BYTES)
      let bytes = 0
      let known = false
      const good: Array<readonly [chunk: Uint8Array, id: Uint8Array]> = []
      for (const [i, { from, id, length, to }] of wanted.entries()) {
        const chunk = block.subarray(from, to)
        if (bad.includes(i)) {
          lost.set(keyOf(id), `a block of ${object} is not what was stored`)
          continue
        }
        const newId = sameIds ? id : newHasher.digest(chunk)
        names.set(id, newId)
        known ||= packer.has(newId)
        bytes += length
        good.push([chunk, newId])
        list.set(newId, i * RECORD_BYTES)
        new DataView(list.buffer).setUint32((i + 1) * RECORD_BYTES - 4, length, true)
      }
      const inOrder = wanted.every(({ from }, i) => from === (i === 0 ? 0 : wanted[i - 1]!.to))
      const whole = to.blocks !== undefined && !known && inOrder && bytes === rawLength && bytes === block.length
      const form = forms.get(block)
      if (whole && form !== undefined) {
        for (const [, id] of good) packer.claim(id)
        const stored = to.blocks === "sealed"
          // The memory that the store gave is freed after this.
          ? form.stored.slice()
          : lane.sealLater === undefined && cipher !== undefined
          ? cipher.seal(form.compressed)
          : form.compressed.buffer === form.stored.buffer
          ? form.compressed.slice()
          : form.compressed
        return { chunks: list, rawLength, bytes: stored }
      }
      for (const [chunk] of good) {
        lane.begin()
        for (let at = 0; at < chunk.length;) {
          const room = lane.space()
          const part = chunk.subarray(at, at + room.length)
          room.set(part)
          lane.hold(part.length)
          at += part.length
        }
        lane.accept(0, chunk.length)
        lane.endPart()
      }
      return undefined
    }

    /** Fetches chunks, and stores those that the target does not have. Gives what is lost, and why, by `keyOf`. */
    const fetch = Effect.fnUntraced(function* (
      missing: ReadonlyMap<string, Missing>,
      onRead: (path: string, bytes: number) => void,
    ) {
      const lost = new Map<string, string>()
      const chunks = [...missing.values()]
      const list = new Uint8Array(chunks.length * RECORD_BYTES)
      for (const [i, { id }] of chunks.entries()) list.set(id, i * RECORD_BYTES)
      const blocks = new Map<BlockPlace, Array<Wanted>>()
      for (const [i, place] of (yield* from.unpacker.locate(list)).entries()) {
        const chunk = chunks[i]!
        if ("lost" in place) lost.set(keyOf(chunk.id), place.lost)
        else if (place.to - place.from !== chunk.length || chunk.length > MAXIMUM_CHUNK) {
          lost.set(keyOf(chunk.id), `a chunk of ${place.block.object} has another length than its catalog says`)
        } else {
          const wanted = blocks.get(place.block)
          const one: Wanted = { ...chunk, from: place.from, to: place.to }
          if (wanted === undefined) blocks.set(place.block, [one])
          else wanted.push(one)
        }
      }
      for (const wanted of blocks.values()) wanted.sort((a, b) => a.from - b.from)
      yield* Effect.forEach(
        steps([...blocks.keys()]),
        Effect.fnUntraced(function* (places: ReadonlyArray<BlockPlace>) {
          const whole: Array<Block> = []
          let failure: KernelError | undefined
          yield* eachBlock(places, {
            get: from.unpacker.get,
            open,
            chunks: (place) => blocks.get(place)!,
            use: (place, block) => {
              const wanted = blocks.get(place)!
              if ("damage" in block) {
                for (const { id } of wanted) lost.set(keyOf(id), block.damage)
                return
              }
              try {
                const moved = take(place, block, wanted, lost)
                if (moved !== undefined) whole.push(moved)
              } catch (error) {
                if (!(error instanceof KernelError)) throw error
                failure ??= error
              }
              for (const { length, path } of wanted) onRead(path, length)
            },
          })
          if (failure !== undefined) return yield* failure
          yield* add(whole)
        }),
        { concurrency: STEPS, discard: true },
      )
      return lost
    })

    /** The new name of a chunk that the target has. */
    const there = (id: Uint8Array): Uint8Array | undefined => {
      const name = names.get(id)
      return name !== undefined && packer.has(name) ? name : undefined
    }

    const unit = Effect.fnUntraced(function* (
      entries: ReadonlyArray<Stored>,
      onRead: (path: string, bytes: number) => void,
    ) {
      const results: Array<Stored> = []
      const fetched = new Set<number>()
      const problems = new Map<number, string>()
      const lists = entries.map(({ chunks }) => new Uint8Array(chunks.length))
      let missing = new Map<string, Missing>()
      let bytes = 0
      /** Places that wait for a chunk: entry and place in its list. */
      let waiting: Array<readonly [entry: number, chunk: number]> = []
      const settle = Effect.suspend(() => {
        if (missing.size === 0) return Effect.void
        const now = { missing, waiting }
        missing = new Map()
        waiting = []
        bytes = 0
        return Effect.flatMap(fetch(now.missing, onRead), (lost) =>
          catching(KernelError, () => {
            for (const [entry, i] of now.waiting) {
              const id = chunkId(entries[entry]!.chunks, i)
              const name = there(id)
              if (name !== undefined) lists[entry]!.set(name, i * RECORD_BYTES)
              else problems.set(entry, lost.get(keyOf(id)) ?? "a part of it could not be stored")
            }
          }))
      })
      for (const [n, { chunks, path }] of entries.entries()) {
        const list = lists[n]!
        for (let at = 0; at < chunkCount(chunks);) {
          yield* catching(KernelError, () => {
            for (; at < chunkCount(chunks) && missing.size < BATCH_CHUNKS && bytes < BATCH_BYTES; at++) {
              const id = chunkId(chunks, at)
              const length = chunkLength(chunks, at)
              list.set(
                chunks.subarray((at + 1) * RECORD_BYTES - 4, (at + 1) * RECORD_BYTES),
                (at + 1) * RECORD_BYTES - 4,
              )
              const name = there(id)
              if (name !== undefined) {
                list.set(name, at * RECORD_BYTES)
                continue
              }
              fetched.add(n)
              waiting.push([n, at])
              if (missing.has(keyOf(id))) continue
              missing.set(keyOf(id), { id, length, path })
              bytes += length
            }
          })
          if (missing.size >= BATCH_CHUNKS || bytes >= BATCH_BYTES) yield* settle
        }
      }
      yield* settle
      for (const [n, entry] of entries.entries()) {
        const length = contentLength(entry.chunks)
        const problem = problems.get(n) ??
          (length === entry.size ? undefined : `it has ${length} bytes instead of ${entry.size}`)
        results.push(
          problem === undefined
            ? { ...entry, chunks: lists[n]!, reused: entry.kind === "file" && !fetched.has(n) }
            : unreadable(
              entry,
              new SourceError({ reason: "damaged", path: entry.path, message: `Its content is lost: ${problem}` }),
            ),
        )
      }
      return results
    })

    return {
      entries: (entries) =>
        Stream.unwrap(Effect.map(ReadProgress, (onRead) => {
          const before = packer.stats()
          const stats = () => since(before, packer.stats())
          return Stream.rechunk(entries, UNIT_ENTRIES).pipe(
            Stream.mapArrayEffect((all) =>
              Effect.map(unit(all, onRead), (stored) =>
                stored.map((entry): Packed<Steps> => ({ ...entry, stats })) as never)
            ),
            Stream.concat(
              Stream.fromEffectDrain(
                catching(KernelError, () =>
                  lane.flush()).pipe(
                    Effect.andThen(add([])),
                    Effect.andThen(Effect.suspend(() => packer.finish)),
                  ),
              ),
            ),
          ) as never
        })),
    }
  },
)

/** An ID as the key of a map. */
const keyOf = (id: Uint8Array): string => bytesToHex(id)

/** What was written since. */
const since = (before: PackStats, now: PackStats): PackStats => ({
  objects: now.objects - before.objects,
  bytesStored: now.bytesStored - before.bytesStored,
  chunksNew: now.chunksNew - before.chunksNew,
  bytesAdded: now.bytesAdded - before.bytesAdded,
})

/** Blocks that are decoded before what they give is stored. */
const steps = (places: ReadonlyArray<BlockPlace>): ReadonlyArray<ReadonlyArray<BlockPlace>> => {
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
