/** How many bytes of the area `blocks` each chunk takes. */
import * as Effect from "effect/Effect"
import type { Repository } from "../repository.ts"
import { SINGLE } from "./object_index.ts"
import { openArea } from "./object_reader.ts"
import type { Opened } from "./opened.ts"

/**
 * `Repository.storedSizes`: reads all packfiles. The chunks of a packfile are compressed as one, so each gets the share
 * that it has of them before compression.
 */
export const storedSizes = (opened: Opened): NonNullable<Repository["storedSizes"]> => (piece) =>
  Effect.gen(function* () {
    const { index, readAll } = yield* openArea(opened, "blocks")
    yield* readAll
    const { packs, size } = index
    const plain = new Float64Array(packs.length)
    for (let record = 0; record < size; record++) {
      const pack = index.pack(record)
      if (pack !== SINGLE) plain[pack]! += index.byteLength(record)
    }
    for (let record = 0; record < size; record++) {
      const pack = index.pack(record)
      const length = index.byteLength(record)
      const stored = pack === SINGLE ? length + opened.cipher.overhead : packs[pack]!.size * length / plain[pack]!
      piece(index.id(record), stored)
    }
  })
