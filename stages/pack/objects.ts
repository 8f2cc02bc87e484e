/** The packing without packs: every chunk is an object of its own, `objects/ab/<64 hex of its ID>`. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId, chunkLength } from "../hash/chunk_list.ts"
import { ChunkIndex } from "./chunk_index.ts"
import type { ChunkPlace, Packer, Packing, Unpacker } from "./packing.ts"
import { ObjectStore } from "./store.ts"

const DIRECTORY = "objects/"
/** Writes under way at once. */
const WRITES = 4

const nameOf = (id: Uint8Array): string => {
  const hex = bytesToHex(id)
  return `${DIRECTORY}${hex.slice(0, 2)}/${hex}`
}

/** One block per object: simple, and whatever else reads the store finds a chunk by its ID. Small chunks make many small objects. */
export const objects = (): Packing => ({
  name: "objects",
  write: Effect.gen(function* () {
    const store = yield* ObjectStore
    const index = new ChunkIndex()
    yield* Stream.runForEachArray(store.list(DIRECTORY), (found) =>
      Effect.sync(() => {
        for (const { name } of found) {
          const hex = name.slice(DIRECTORY.length + 3)
          if (/^[0-9a-f]{64}$/.test(hex)) index.set(hexToBytes(hex), 0)
        }
      }))
    let written = 0
    let bytesStored = 0
    let bytesAdded = 0
    const packer: Packer = {
      blockBytes: 0,
      index,
      has: (id) => index.get(id) !== undefined,
      claim: (id) => index.claim(id),
      add: (blocks) =>
        Effect.forEach(blocks, ({ bytes, chunks, rawLength }) => {
          written++
          bytesStored += bytes.length
          bytesAdded += rawLength
          // Another writer may have stored the same chunk since the listing.
          return Effect.catchTag(store.put(nameOf(chunkId(chunks, 0)), [bytes]), "StoreError", (error) =>
            error.reason === "exists" ? Effect.void : Effect.fail(error))
        }, { concurrency: WRITES, discard: true }),
      finish: Effect.void,
      stats: () => ({ objects: written, bytesStored, chunksNew: written, bytesAdded }),
    }
    return packer
  }),
  read: Effect.map(ObjectStore, (store): Unpacker => ({
    locate: (list) =>
      Effect.sync(() => {
        const places = new Map<string, ChunkPlace>()
        return Array.from({ length: chunkCount(list) }, (_, i) => {
          const object = nameOf(chunkId(list, i))
          let place = places.get(object)
          if (place === undefined) {
            const rawLength = chunkLength(list, i)
            places.set(
              object,
              place = { block: { object, offset: 0, length: Infinity, rawLength }, from: 0, to: rawLength },
            )
          }
          return place
        })
      }),
    get: ({ object }) => store.get(object),
  })),
})
