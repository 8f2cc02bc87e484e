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
  /** Why it is lost in the place that was tried first; undefined when this is the first. */
  readonly why: DamagedBlock | undefined
}

/** A chunk that is lost in all places that were tried so far. */
export interface FailedChunk extends Pick<WantedChunk, "into" | "at" | "content" | "id"> {
  readonly length: number
  /** Why it is lost in the first of them. */
  readonly why: DamagedBlock
}

/** What has to be fetched for some contents. */
export interface Wanted {
  /** For each content its pieces, those that have to be fetched still missing, or why the content is lost. */
  readonly contents: Array<Pieces | DamagedBlock>
  readonly blocks: ReadonlyMap<BlockPlace, ReadonlyArray<WantedChunk>>
  /** Filled as chunks are fetched. */
  readonly failed: Array<FailedChunk>
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
  const failed: Array<FailedChunk> = []
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
      const id = chunkId(list, at)
      const length = chunkLength(list, at)
      const chunk = "lost" in place ? undefined : known(id, length)
      if (chunk !== undefined) into[at] = chunk
      else if (isUnfit(place, length)) failed.push({ into, content, at, id, length, why: whyUnfit(place) })
      else {
        const { block, from, to } = place
        add(blocks, block, { into, content, at, from, to, id, why: undefined })
      }
    }
  }
  return { contents, blocks, failed }
}

/**
 * Looks for failed chunks in their next places, which may be none. A content with a chunk that has no more places is
 * lost, for the reason that was found first.
 */
export const findElsewhere = (
  contents: Wanted["contents"],
  chunks: ReadonlyArray<FailedChunk>,
  places: ReadonlyArray<ChunkPlace | ChunkLost | undefined>,
): Wanted => {
  const blocks = new Map<BlockPlace, Array<WantedChunk>>()
  const failed: Array<FailedChunk> = []
  for (const [i, chunk] of chunks.entries()) {
    const place = places[i]
    const { at, content, id, into, length, why } = chunk
    if (place === undefined) contents[content] = why
    else if (isUnfit(place, length)) failed.push(chunk)
    else add(blocks, place.block, { into, content, at, from: place.from, to: place.to, id, why })
  }
  return { contents, blocks, failed }
}

/** Whether a chunk of this length cannot be there. */
const isUnfit = (place: ChunkPlace | ChunkLost, length: number): place is ChunkLost =>
  "lost" in place || place.to - place.from !== length

const whyUnfit = (place: ChunkPlace | ChunkLost): DamagedBlock => ({
  damage: "lost" in place ? place.lost : otherLength(place.block),
})

const add = (blocks: Map<BlockPlace, Array<WantedChunk>>, block: BlockPlace, chunk: WantedChunk): void => {
  const wanted = blocks.get(block)
  if (wanted === undefined) blocks.set(block, [chunk])
  else wanted.push(chunk)
}

/** Why a chunk is lost that is shorter or longer than its catalog says. */
export const otherLength = ({ object }: BlockPlace): string =>
  `a chunk of ${object} has another length than its catalog says`

/** Why a chunk is lost whose bytes do not have its ID. */
export const otherContent = ({ object }: BlockPlace): string => `a block of ${object} is not what was stored`
