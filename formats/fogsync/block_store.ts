/** The blocks of a store while a run writes: which there are, and which are on their way. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { FormatError } from "../error.ts"
import type { Bptr } from "./bptr.ts"
import type { BlockReader } from "./block_read.ts"
import { BlockWriter } from "./block_write.ts"
import { created, isDamage } from "./errors.ts"
import { blockHash, blockObject, BLOCKS } from "./layout.ts"
import { type Opened, readerOf } from "./opened.ts"

/** Value of a block that was there before, and of one that this run has written. */
const BEFORE = 0
const MINE = 1
/** Blocks that wait at most before they are stored: 4 MiB. */
const WAITING = 64

export class BlockStore {
  readonly writer: BlockWriter
  readonly reader: BlockReader
  readonly #opened: Opened
  readonly #present: ChunkIndex
  #objects = 0
  #bytes = 0

  constructor(opened: Opened, present: ChunkIndex) {
    this.#opened = opened
    this.#present = present
    this.writer = new BlockWriter(opened.keys)
    this.reader = readerOf(opened)
  }

  /** Objects written so far, and their bytes. */
  get stored(): { readonly objects: number; readonly bytes: number } {
    return { objects: this.#objects, bytes: this.#bytes }
  }

  /** Stores what waits, when that is much. */
  get flushWhenFull(): Effect.Effect<void, StoreError> {
    return this.writer.ready < WAITING ? Effect.void : this.flush
  }

  /** Stores all blocks that are complete. */
  get flush(): Effect.Effect<void, StoreError> {
    return Effect.suspend(() =>
      Effect.forEach(this.writer.take(), ({ bytes, hash }) => {
        this.#present.set(hash, MINE)
        this.#objects++
        this.#bytes += bytes.length
        return created(this.#opened.store.put(blockObject(hash), [bytes]))
      }, { concurrency: requestsAtOnce(this.#opened.store), discard: true })
    )
  }

  /** Whether all blocks are there that an address stands for. Lists are read, but for those of this run. */
  has(bptr: Bptr): Effect.Effect<boolean, FormatError> {
    const found = this.#present.get(bptr.hash)
    if (found === undefined) return Effect.succeed(false)
    if (bptr.depth === 0 || found === MINE) return Effect.succeed(true)
    return this.reader.blocks(bptr).pipe(
      Stream.runFold(() => true, (all, hash) => all && this.#present.get(hash) !== undefined),
      Effect.catch((error) => isDamage(error) ? Effect.succeed(false) : Effect.fail(error)),
    )
  }
}

/** Which blocks there are, from the names of the objects. 16 to 32 bytes of memory each. */
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
