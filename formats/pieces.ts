/** The pieces that contents are stored in, and which snapshots have them. */
import { chunkCount, chunkId, chunkLength } from "../stages/hash/chunk_list.ts"
import { ChunkIndex } from "../stages/pack/chunk_index.ts"
import type { SnapshotEntry } from "./repository.ts"

/** A number of pieces, and their bytes as they were before compression. */
export interface Pieces {
  pieces: number
  bytes: number
}

/**
 * Calls `piece` with each piece of a content: its chunks, or the whole content where the format shares only these.
 * False if the entry does not tell its pieces.
 */
export const eachPiece = (
  { chunks, contentId, kind, size }: SnapshotEntry,
  piece: (id: Uint8Array, bytes: number) => void,
): boolean => {
  if (kind !== "file" || size === 0) return true
  if (chunks !== undefined) {
    for (let i = 0; i < chunkCount(chunks); i++) piece(chunkId(chunks, i), chunkLength(chunks, i))
    return true
  }
  if (contentId !== undefined && size !== undefined) piece(contentId, size)
  return contentId !== undefined
}

/** Which of two snapshots have a piece, as bits. */
const BEFORE = 1
const AFTER = 2

/**
 * Counts the pieces that only one of two snapshots has. It remembers every piece, in 16 bytes, and may be told of the
 * two snapshots in turn.
 */
export class PieceDifference {
  readonly #sides: ChunkIndex = new ChunkIndex()
  /** What only the second snapshot has. */
  readonly added: Pieces = { pieces: 0, bytes: 0 }
  /** What only the first snapshot has. */
  readonly removed: Pieces = { pieces: 0, bytes: 0 }

  before(entry: SnapshotEntry): void {
    this.#see(entry, BEFORE, this.removed, this.added)
  }

  after(entry: SnapshotEntry): void {
    this.#see(entry, AFTER, this.added, this.removed)
  }

  #see(entry: SnapshotEntry, side: number, own: Pieces, others: Pieces): void {
    eachPiece(entry, (id, bytes) => {
      const sides = this.#sides.get(id) ?? 0
      if ((sides & side) !== 0) return
      this.#sides.set(id, sides | side)
      count(sides === 0 ? own : others, sides === 0 ? 1 : -1, bytes)
    })
  }
}

const count = (pieces: Pieces, sign: 1 | -1, bytes: number): void => {
  pieces.pieces += sign
  pieces.bytes += sign * bytes
}
