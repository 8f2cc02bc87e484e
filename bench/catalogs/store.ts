/** A store of chunks as catalog packs keep them: what a run adds, and what a reader fetches. Nothing is encrypted. */
import { createHash } from "node:crypto"
import { constants, zstdCompressSync } from "node:zlib"
import * as Effect from "effect/Effect"
import type { FetchChunks } from "../../stages/catalog/slices/read.ts"
import type { SliceChunk, SliceSink } from "../../stages/catalog/slices/write.ts"

/** What a block costs besides its content: nonce, tag and flag; its line in the footer. */
const BLOCK_COST = 41 + 8
/** What a chunk costs besides its content and name: its length in the footer, half its ID in the index. */
const CHUNK_COST = 4 + 16
/** What a run with new chunks costs: headers, ends and seals of a pack and its index. */
const RUN_COST = 63 + 40 + 16 + 63 + 40 + 48

interface Block {
  readonly pack: number
  readonly number: number
  readonly stored: number
}

/** What reading cost. */
export interface Fetched {
  requests: number
  bytes: number
}

const key = (name: Uint8Array): string => Buffer.from(name).toString("latin1")

export class BlockStore {
  readonly #blockBytes: number
  readonly #nameBytes: number
  readonly #chunks: Map<string, { readonly bytes: Uint8Array; block: Block | undefined }> = new Map()
  readonly #packs: Array<ReadonlyArray<Block>> = []
  #new: Array<{ readonly name: string; readonly bytes: Uint8Array }> = []

  constructor(blockBytes: number, nameBytes: number) {
    this.#blockBytes = blockBytes
    this.#nameBytes = nameBytes
  }

  readonly sink: SliceSink = {
    nameOf: (bytes) => createHash("sha256").update(bytes).digest().subarray(0, this.#nameBytes),
    isStored: (name) => this.#chunks.has(key(name)),
    store: (chunks: ReadonlyArray<SliceChunk>) =>
      Effect.sync(() => {
        for (const { bytes, name } of chunks) {
          const chunk = { name: key(name), bytes: bytes.slice() }
          if (this.#chunks.has(chunk.name)) continue
          this.#chunks.set(chunk.name, { bytes: chunk.bytes, block: undefined })
          this.#new.push(chunk)
        }
      }),
  }

  /** Ends a run: packs what is new. Gives the bytes that it adds. */
  end(): number {
    const chunks = this.#new
    this.#new = []
    if (chunks.length === 0) return 0
    const blocks: Array<Block> = []
    let total = RUN_COST
    for (let at = 0; at < chunks.length;) {
      let end = at
      for (let bytes = 0; end < chunks.length; end++) {
        bytes += chunks[end]!.bytes.length
        if (bytes > this.#blockBytes && end > at) break
      }
      const content = Buffer.concat(chunks.slice(at, end).map(({ bytes }) => bytes))
      const compressed = zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: 3 } })
      const stored = Math.min(content.length, compressed.length) + BLOCK_COST
      const block: Block = { pack: this.#packs.length, number: blocks.length, stored }
      blocks.push(block)
      for (const { name } of chunks.slice(at, end)) this.#chunks.get(name)!.block = block
      total += stored + (end - at) * (CHUNK_COST + this.#nameBytes)
      at = end
    }
    this.#packs.push(blocks)
    return total
  }

  /**
   * Reads as a command does that keeps the blocks it has met. Blocks that lie side by side are one request, and a pack
   * of at most `wholeBytes` is fetched as a whole.
   */
  reader(wholeBytes: number): { readonly fetch: FetchChunks; readonly fetched: Fetched } {
    const met = new Set<Block>()
    const fetched: Fetched = { requests: 0, bytes: 0 }
    const fetch: FetchChunks = (wanted) =>
      Effect.sync(() => {
        const missing = new Set<Block>()
        for (const { name } of wanted) {
          const block = this.#chunks.get(key(name))!.block!
          if (met.has(block)) continue
          const pack = this.#packs[block.pack]!
          const small = pack.reduce((sum, { stored }) => sum + stored, 0) <= wholeBytes
          for (const one of small ? pack : [block]) missing.add(one)
        }
        const sorted = [...missing].sort((a, b) => a.pack - b.pack || a.number - b.number)
        sorted.forEach((block, i) => {
          const before = sorted[i - 1]
          if (before?.pack !== block.pack || before.number + 1 !== block.number) fetched.requests++
          fetched.bytes += block.stored
          met.add(block)
        })
        return wanted.map(({ name }) => this.#chunks.get(key(name))!.bytes)
      })
    return { fetch, fetched }
  }
}
