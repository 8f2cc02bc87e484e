/** Where the stages `pack` and `unpack` put and find the chunks of files: in the area `blocks`. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import { chunkCount, chunkId, ChunkListBuilder } from "../../stages/hash/chunk_list.ts"
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import type { BlockPlace, ChunkLost, ChunkPlace, Packer, Packing, Unpacker } from "../../stages/pack/packing.ts"
import { StoreError } from "../../stages/store/store.ts"
import type { IdTable } from "./id_table.ts"
import { singleName } from "./layout.ts"
import { PENDING, SINGLE } from "./object_index.ts"
import type { ObjectReader } from "./object_reader.ts"
import type { ObjectWriter } from "./object_writer.ts"
import { idAt } from "./objects.ts"
import type { Packable } from "./packfile.ts"

/** The packing over the area of a reader. Without a writer it can only be read. */
export const chunkPacking = (reader: ObjectReader, writer?: ObjectWriter): Packing => ({
  write: Effect.sync(() => packer(reader, writer!)),
  read: Effect.sync(() => unpacker(reader)),
})

/**
 * The chunk index has only the chunks of this run. Older ones are looked up when a chunk arrives, which may read
 * packfiles.
 */
const packer = (reader: ObjectReader, writer: ObjectWriter): Packer => {
  const index = new ChunkIndex()
  let chunksNew = 0
  let bytesAdded = 0
  return {
    blockBytes: 0,
    index,
    has: (id) => reader.index.mayHave(id),
    claim: (id) => index.claim(id),
    add: Effect.fnUntraced(function* (blocks) {
      const fresh: Array<Packable> = []
      for (const { bytes, chunks } of blocks) {
        const id = chunkId(chunks, 0)
        const record = reader.index.mayHave(id) ? yield* reader.find(id) : -1
        if (record >= 0 && reader.index.byteLength(record) === bytes.length) continue
        chunksNew++
        bytesAdded += bytes.length
        // A stored file of another length is damaged: replace it.
        if (record >= 0) yield* writer.single({ id, bytes })
        else fresh.push({ id, bytes })
      }
      yield* writer.add(fresh)
    }),
    finish: Effect.suspend(() => writer.flush),
    stats: () => ({ ...writer.written, chunksNew, bytesAdded }),
  }
}

const unpacker = (reader: ObjectReader): Unpacker => {
  const packs = new Map<number, BlockPlace>()
  const numbers = new Map<string, number>()
  const place = (id: Uint8Array, table: IdTable, record: number, singles: Map<number, BlockPlace>): ChunkPlace => {
    const pack = table.pack(record)
    const length = table.byteLength(record)
    const from = table.offset(record)
    const known = pack === SINGLE ? singles : packs
    const key = pack === SINGLE ? record : pack
    let block = known.get(key)
    if (block === undefined) {
      const object = pack === SINGLE ? singleName("blocks", id) : reader.index.packs[pack]!.name
      if (pack !== SINGLE) numbers.set(object, pack)
      known.set(key, block = { object, offset: 0, length: Infinity, rawLength: length })
    }
    return { block, from, to: from + length }
  }
  const lost = (id: Uint8Array): ChunkLost => ({ lost: `no readable file of blocks/ has the chunk ${bytesToHex(id)}` })
  return {
    locate: Effect.fnUntraced(function* (list) {
      const singles = new Map<number, BlockPlace>()
      const places: Array<ChunkPlace | ChunkLost> = []
      for (let i = 0; i < chunkCount(list); i++) {
        const id = chunkId(list, i)
        const known = reader.index.find(id)
        const record = known >= 0 ? known : yield* reader.find(id)
        places.push(
          record < 0 || reader.index.pack(record) === PENDING ? lost(id) : place(id, reader.index, record, singles),
        )
      }
      return places
    }),
    elsewhere: (list, nth) =>
      Effect.forEach(Array.from({ length: chunkCount(list) }, (_, i) => chunkId(list, i)), (id) => {
        const record = reader.index.find(id)
        // A packfile is verified as a whole before its objects are found in it, so only files of their own can fail.
        if (nth > 1 || record < 0 || reader.index.pack(record) !== SINGLE) return Effect.succeed(undefined)
        return Effect.map(
          reader.findPacked(id),
          (packed) => packed < 0 ? undefined : place(id, reader.index.packed, packed, new Map()),
        )
      }),
    keeps: true,
    get: (block) => {
      const number = numbers.get(block.object)
      // The caller verifies chunks.
      const bytes = number === undefined
        ? reader.single(hexToBytes(block.object.slice(-64)), false)
        : reader.packBytes(number)
      return Effect.mapError(
        bytes,
        (error) =>
          error instanceof StoreError
            ? error
            : new StoreError({ reason: "corrupt", object: block.object, message: error.message, cause: error }),
      )
    },
  }
}

/** A chunk list with the known lengths and 0 for unknown ones. The size is known if all lengths are. */
export const chunkListOf = (
  ids: Uint8Array,
  blocks: ObjectReader,
): { readonly chunks: Uint8Array; readonly size: number | undefined } => {
  const list = new ChunkListBuilder()
  let size: number | undefined = 0
  for (let i = 0; i < ids.length / ID_BYTES; i++) {
    const id = idAt(ids, i)
    const record = blocks.index.find(id)
    const length: number = record < 0 ? 0 : blocks.index.byteLength(record)
    size = record < 0 || size === undefined ? undefined : size + length
    list.add(id, length)
  }
  return { chunks: list.take(), size }
}
