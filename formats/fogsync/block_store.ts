/** The blocks of a share while a run writes: which are there, and which are on their way. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { FormatError, RepositoryError } from "../error.ts"
import type { Bptr } from "./bptr.ts"
import type { BlockReader } from "./block_read.ts"
import { BlockWriter } from "./block_write.ts"
import { created, isDamage, writing } from "./errors.ts"
import { blockHash, blockObject, BLOCKS } from "./layout.ts"
import { type Opened, readerOf } from "./opened.ts"

/** In the index of blocks: a block that was there before the run, and one that the run has written. */
const BEFORE = 0
const WRITTEN = 1
/** How many blocks may wait before they are stored: 4 MiB. */
const WAITING = 64

/** Reads blocks, and stores those of a writer. */
export class BlockStore {
  readonly writer: BlockWriter
  readonly reader: BlockReader
  readonly #opened: Opened
  readonly #present: ChunkIndex
  #objects = 0
  #bytes = 0

  /** `present` is what {@link presentBlocks} gives. The store changes it. */
  constructor(opened: Opened, present: ChunkIndex) {
    this.#opened = opened
    this.#present = present
    this.writer = new BlockWriter(opened.keys)
    this.reader = readerOf(opened)
  }

  /** How many objects were written so far, and their bytes. */
  get stored(): { readonly objects: number; readonly bytes: number } {
    return { objects: this.#objects, bytes: this.#bytes }
  }

  /** Stores the complete blocks of the writer if many wait. */
  get flushWhenFull(): Effect.Effect<void, StoreError> {
    return this.writer.ready < WAITING ? Effect.void : this.flush
  }

  /** Stores the complete blocks of the writer. */
  get flush(): Effect.Effect<void, StoreError> {
    return Effect.suspend(() =>
      Effect.forEach(this.writer.take(), ({ bytes, hash }) => {
        this.#present.set(hash, WRITTEN)
        this.#objects++
        this.#bytes += bytes.length
        return created(this.#opened.store.put(blockObject(hash), [bytes]))
      }, { concurrency: requestsAtOnce(this.#opened.store), discard: true })
    )
  }

  /** Completes partial blocks until no tail waits for its address, and stores them. */
  get complete(): Effect.Effect<void, RepositoryError | StoreError> {
    return Effect.gen({ self: this }, function* () {
      while (this.writer.hasTails) {
        yield* writing(() => this.writer.completePartial())
        yield* this.flush
      }
      yield* this.flush
    })
  }

  /** Whether all blocks that an address stands for are there. Reads its lists, except those of this run. */
  has(bptr: Bptr): Effect.Effect<boolean, FormatError> {
    const found = this.#present.get(bptr.hash)
    if (found === undefined) return Effect.succeed(false)
    if (bptr.depth === 0 || found === WRITTEN) return Effect.succeed(true)
    return this.reader.blockHashes(bptr).pipe(
      Stream.runFold(() => true, (all, hash) => all && this.#present.get(hash) !== undefined),
      Effect.catch((error) => isDamage(error) ? Effect.succeed(false) : Effect.fail(error)),
    )
  }
}

/** Which blocks are there, from the names of the objects. Takes 16 to 32 bytes of memory for each. */
export const presentBlocks = ({ store }: Opened): Effect.Effect<ChunkIndex, StoreError> =>
  Effect.suspend(() => {
    const present = new ChunkIndex()
    return Effect.as(
      Stream.runForEachArray(store.list(BLOCKS), (objects) =>
        Effect.sync(() => {
          for (const { name } of objects) {
            const hash = blockHash(name)
            if (hash !== undefined) present.set(hash, BEFORE)
          }
        })),
      present,
    )
  })
