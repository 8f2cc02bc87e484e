/**
 * Transfers entries from one repository into another of the same kind, chunk by chunk. Each chunk gets the name that it
 * has in the target. Only chunks that the target does not have are fetched, verified and stored. Chunks stay as they
 * were cut.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId, chunkLength, contentLength, RECORD_BYTES } from "../hash/chunk_list.ts"
import { catching } from "../kernel/catching.ts"
import { KernelError } from "../kernel/kernel.ts"
import type { Packed } from "../pack/pack.ts"
import type { PackStats } from "../pack/packing.ts"
import type { Steps } from "../plan/plan.ts"
import { type Stored, unreadable } from "../plan/stored.ts"
import { type OnRead, ReadProgress } from "../run/progress.ts"
import type { StoreError } from "../store/store.ts"
import { SourceError } from "../walk/errors.ts"
import {
  type ByChunk,
  chunkKey,
  type ChunkMover,
  makeChunkMover,
  type MissingChunk,
  type MoverOptions,
} from "./chunk_mover.ts"

/** A running transfer. The chunks that it stored for a stream of entries are durable when that stream has ended. */
export interface Transfer {
  /**
   * Transfers entries, one stream at a time. Returns the entries as the target has them. An entry is `reused` when none
   * of its chunks was fetched, and `unreadable` when the source has lost its content.
   */
  readonly entries: <E, R>(
    entries: Stream.Stream<Stored, E, R>,
  ) => Stream.Stream<Packed<Steps>, E | StoreError | KernelError, R>
}

/** Entries that are looked at together. */
const UNIT_ENTRIES = 4096
/** Chunks that are fetched together: at most this many, and not many more bytes than this. */
const BATCH_CHUNKS = 1 << 14
const BATCH_BYTES = 64 << 20

/** Starts a transfer. Fails with KernelError when a kernel of the target's plan cannot be made. */
export const makeTransfer = (options: MoverOptions): Effect.Effect<Transfer, KernelError> =>
  Effect.map(makeChunkMover(options), (mover) => {
    const { packer } = options.to
    const transferUnit = makeUnitTransfer(options, mover)
    return {
      entries: (entries) =>
        Stream.unwrap(Effect.map(ReadProgress, (onRead) => {
          const before = packer.stats()
          const stats = () => since(before, packer.stats())
          return Stream.rechunk(entries, UNIT_ENTRIES).pipe(
            Stream.mapArrayEffect((all) =>
              Effect.map(transferUnit(all, onRead), (stored) =>
                stored.map((entry): Packed<Steps> => ({ ...entry, stats })) as never)
            ),
            Stream.concat(Stream.fromEffectDrain(mover.finish)),
          ) as never
        })),
    }
  })

/** Chunks to fetch together, and the places in chunk lists that wait for them. */
interface Batch {
  readonly missing: Map<string, MissingChunk>
  readonly waiting: Array<{ readonly entry: number; readonly chunk: number }>
  bytes: number
}

const emptyBatch = (): Batch => ({ missing: new Map(), waiting: [], bytes: 0 })

const isFull = ({ bytes, missing }: Batch): boolean => missing.size >= BATCH_CHUNKS || bytes >= BATCH_BYTES

/** An entry that is under way. */
interface Moving {
  /** Its chunk list. It has the new names of the chunks that the target has so far. */
  readonly list: Uint8Array
  /** Whether a chunk of it had to be fetched. */
  fetched: boolean
  /** Why its content is lost. */
  problem?: string
}

const makeUnitTransfer = ({ names, to: { packer } }: MoverOptions, mover: ChunkMover) => {
  /** The name of a chunk in the target; undefined when the target does not have the chunk. */
  const nameOf = (id: Uint8Array): Uint8Array | undefined => {
    const name = names.get(id)
    return name !== undefined && packer.has(name) ? name : undefined
  }

  /**
   * Names the chunks of an entry from `first` on. Missing chunks go into the batch. Stops when that is full. Returns
   * where to go on.
   */
  const nameChunks = (chunks: Uint8Array, first: number, entry: number, path: string, moving: Moving, batch: Batch) => {
    for (let i = first; i < chunkCount(chunks); i++) {
      if (isFull(batch)) return i
      const id = chunkId(chunks, i)
      const name = nameOf(id)
      if (name !== undefined) {
        moving.list.set(name, i * RECORD_BYTES)
        continue
      }
      moving.fetched = true
      batch.waiting.push({ entry, chunk: i })
      const key = chunkKey(id)
      if (batch.missing.has(key)) continue
      const length = chunkLength(chunks, i)
      batch.missing.set(key, { id, length, path })
      batch.bytes += length
    }
    return chunkCount(chunks)
  }

  return Effect.fnUntraced(function* (entries: ReadonlyArray<Stored>, onRead: OnRead) {
    // The lengths in the lists stay. The IDs are replaced one by one.
    const all = entries.map(({ chunks }): Moving => ({ list: chunks.slice(), fetched: false }))
    /** Names the chunks that entries waited for, after they were moved. */
    const settle = ({ waiting }: Batch, lost: ByChunk<string>): void => {
      for (const { chunk, entry } of waiting) {
        const id = chunkId(entries[entry]!.chunks, chunk)
        const name = nameOf(id)
        if (name !== undefined) all[entry]!.list.set(name, chunk * RECORD_BYTES)
        else all[entry]!.problem = lost.get(chunkKey(id)) ?? "a part of it could not be stored"
      }
    }
    const moveBatch = Effect.fnUntraced(function* (batch: Batch) {
      if (batch.missing.size === 0) return
      const lost = yield* mover.move(batch.missing, onRead)
      yield* catching(KernelError, () => settle(batch, lost))
    })
    let batch = emptyBatch()
    for (const [n, { chunks, path }] of entries.entries()) {
      for (let next = 0; next < chunkCount(chunks);) {
        next = yield* catching(KernelError, () => nameChunks(chunks, next, n, path, all[n]!, batch))
        if (!isFull(batch)) continue
        yield* moveBatch(batch)
        batch = emptyBatch()
      }
    }
    yield* moveBatch(batch)
    return entries.map((entry, n) => transferred(entry, all[n]!))
  })
}

/** The entry as the target has it. */
const transferred = (entry: Stored, { fetched, list, problem }: Moving): Stored => {
  const length = contentLength(entry.chunks)
  const why = problem ?? (length === entry.size ? undefined : `it has ${length} bytes instead of ${entry.size}`)
  if (why === undefined) return { ...entry, chunks: list, reused: entry.kind === "file" && !fetched }
  const message = `Its content is lost: ${why}`
  return unreadable(entry, new SourceError({ reason: "damaged", path: entry.path, message }))
}

/** What was written between two counts. */
const since = (before: PackStats, now: PackStats): PackStats => ({
  objects: now.objects - before.objects,
  bytesStored: now.bytesStored - before.bytesStored,
  chunksNew: now.chunksNew - before.chunksNew,
  bytesAdded: now.bytesAdded - before.bytesAdded,
})
