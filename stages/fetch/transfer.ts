/**
 * From one repository into another of the same kind, chunk by chunk: what an entry consists of is named as the target
 * names it, and only chunks that the target does not have are fetched, verified and stored. Chunks stay as they were
 * cut.
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

/** A running transfer. Chunks that it stored are durable when the stream of entries ends that needed them. */
export interface Transfer {
  /**
   * The entries as the target has them. An entry whose content the source has lost is `unreadable`. An entry is `reused`
   * when no chunk of it was fetched. One stream at a time.
   */
  readonly entries: <E, R>(
    entries: Stream.Stream<Stored, E, R>,
  ) => Stream.Stream<Packed<Steps>, E | StoreError | KernelError, R>
}

/** Entries that are looked at together. */
const UNIT_ENTRIES = 4096
/** Chunks that are fetched together: this many, of this many bytes. */
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

/** Chunks to be fetched together, and the places in the lists of entries that wait for them. */
interface Batch {
  readonly missing: Map<string, MissingChunk>
  readonly waiting: Array<{ readonly entry: number; readonly chunk: number }>
  bytes: number
}

const emptyBatch = (): Batch => ({ missing: new Map(), waiting: [], bytes: 0 })

const isFull = ({ bytes, missing }: Batch): boolean => missing.size >= BATCH_CHUNKS || bytes >= BATCH_BYTES

/** An entry on its way. */
interface Moving {
  /** Its chunk list; the names of those chunks are in it that the target has. */
  readonly list: Uint8Array
  /** Whether a chunk of it had to be fetched. */
  fetched: boolean
  /** Why its content is lost. */
  problem?: string
}

const makeUnitTransfer = ({ names, to: { packer } }: MoverOptions, mover: ChunkMover) => {
  /** The new name of a chunk that the target has. */
  const nameOf = (id: Uint8Array): Uint8Array | undefined => {
    const name = names.get(id)
    return name !== undefined && packer.has(name) ? name : undefined
  }

  /** Names the chunks of an entry from `first` on. What is missing goes into the batch, until that is full. */
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
    // The lengths stay; the IDs are set one by one.
    const all = entries.map(({ chunks }): Moving => ({ list: chunks.slice(), fetched: false }))
    /** Names the chunks that entries waited for, now that they were moved. */
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

/** What was written since. */
const since = (before: PackStats, now: PackStats): PackStats => ({
  objects: now.objects - before.objects,
  bytesStored: now.bytesStored - before.bytesStored,
  chunksNew: now.chunksNew - before.chunksNew,
  bytesAdded: now.bytesAdded - before.bytesAdded,
})
