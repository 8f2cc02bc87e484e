/** How many bytes of the packs each chunk takes. */
import * as Effect from "effect/Effect"
import { chunkCount, chunkId, chunkLength, contentLength } from "../../stages/hash/chunk_list.ts"
import { Kernels } from "../../stages/kernel/kernel.ts"
import { readFooter } from "../../stages/pack/pack_ends.ts"
import { openPackStore } from "../../stages/pack/pack_store.ts"
import { PackError } from "../../stages/pack/packing.ts"
import { ciphersOf } from "../../stages/pack/sealing.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { concernsObject } from "../../stages/store/unreadable.ts"
import type { Repository } from "../repository.ts"
import type { Opened } from "./opened.ts"

/**
 * `Repository.storedSizes`: reads the footers of all packs of content. The chunks of a block are compressed as one, so
 * each gets the share that it has of the block before compression. Chunks of a pack with a damaged footer are told if
 * another pack has them, too.
 */
export const storedSizes = ({ layout: { data }, store }: Opened): NonNullable<Repository["storedSizes"]> => (piece) =>
  Effect.gen(function* () {
    const ciphers = ciphersOf(yield* Kernels)
    const { index, packs } = yield* openPackStore(data)
    let damaged = false
    const tellChunks = (counts: (id: Uint8Array, number: number) => boolean) =>
      Effect.forEach(packs.entries(), ([number, pack]) =>
        readFooter(data, store, ciphers, pack).pipe(
          Effect.map(({ blocks }) => {
            for (const { chunks, length } of blocks) {
              const share = length / contentLength(chunks)
              for (let i = 0; i < chunkCount(chunks); i++) {
                const id = chunkId(chunks, i)
                if (counts(id, number)) piece(id, chunkLength(chunks, i) * share)
              }
            }
          }),
          Effect.catch((error) => {
            damaged = true
            return error instanceof PackError || concernsObject(error) ? Effect.void : Effect.fail(error)
          }),
        ), { concurrency: requestsAtOnce(store), discard: true })
    // Two runs at once may have stored it twice: the pack that the index names is the one that is read.
    yield* tellChunks((id, number) => index.get(id) === number)
    // A reader takes from another pack what a damaged one has lost.
    if (damaged) yield* tellChunks((id, number) => index.get(id) !== number)
  }).pipe(Effect.provideService(ObjectStore, store))
