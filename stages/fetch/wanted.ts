/** Finds out which chunks of which blocks some contents are made of. */
import { chunkCount, chunkId, chunkLength, contentLength } from "../hash/chunk_list.ts"
import type { BlockPlace, ChunkLost, ChunkPlace } from "../pack/packing.ts"
import type { DamagedBlock } from "./blocks.ts"
import type { ChunkAt } from "./decoding.ts"

/** Content in pieces, in order. They are lent, may be views of decoded blocks, and must not be changed. */
export type Pieces = ReadonlyArray<Uint8Array>

/** Contents and chunks that claim more bytes are refused: no chunker makes such chunks. */
export const MAXIMUM_CHUNK = 0x7fffffff

/** A chunk of a block that goes into a content. */
export interface WantedChunk extends ChunkAt {
  /** The pieces of its content, and its place among them. */
  readonly into: Array<Uint8Array | undefined>
  readonly at: number
  /** Which of the contents it is. */
  readonly content: number
}

/** What has to be fetched for some contents. */
export interface Wanted {
  /** For each content its pieces, those that have to be fetched still missing, or why the content is lost. */
  readonly contents: Array<Pieces | DamagedBlock>
  readonly blocks: ReadonlyMap<BlockPlace, ReadonlyArray<WantedChunk>>
}

/**
 * Groups the chunks of some chunk lists by block. `places` are those of all chunks, in order. A chunk that `known` has
 * is taken from there.
 */
export const findWanted = (
  lists: ReadonlyArray<Uint8Array>,
  places: ReadonlyArray<ChunkPlace | ChunkLost>,
  known: (id: Uint8Array, length: number) => Uint8Array | undefined,
): Wanted => {
  const contents: Array<Pieces | DamagedBlock> = []
  const blocks = new Map<BlockPlace, Array<WantedChunk>>()
  let n = 0
  for (const [content, list] of lists.entries()) {
    const count = chunkCount(list)
    if (contentLength(list) > MAXIMUM_CHUNK) {
      contents.push({ damage: "its catalog entry has impossible lengths" })
      n += count
      continue
    }
    const into = new Array<Uint8Array>(count)
    contents.push(into)
    for (let at = 0; at < count; at++, n++) {
      const place = places[n]!
      if ("lost" in place) {
        contents[content] = { damage: place.lost }
        continue
      }
      const id = chunkId(list, at)
      const length = chunkLength(list, at)
      const chunk = known(id, length)
      if (chunk !== undefined) {
        into[at] = chunk
        continue
      }
      const { block, from, to } = place
      if (to - from !== length) {
        contents[content] = { damage: otherLength(block) }
        continue
      }
      const wanted = blocks.get(block)
      const one: WantedChunk = { into, content, at, from, to, id }
      if (wanted === undefined) blocks.set(block, [one])
      else wanted.push(one)
    }
  }
  return { contents, blocks }
}

/** Why a chunk is lost that is shorter or longer than its catalog says. */
export const otherLength = ({ object }: BlockPlace): string =>
  `a chunk of ${object} has another length than its catalog says`

/** Why a chunk is lost whose bytes do not have its ID. */
export const otherContent = ({ object }: BlockPlace): string => `a block of ${object} is not what was stored`
