/** Writes index objects to a store, and reads them. `index_file.ts` has their bytes. */
import * as Effect from "effect/Effect"
import { catching } from "../kernel/catching.ts"
import { type Cipher, KernelError } from "../kernel/kernel.ts"
import { readTwice } from "../store/second_read.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"
import { decodeIndex, dividedByIndex, encodeIndex, type ListedPack } from "./index_file.ts"
import { freshId, INDEX_BYTES, objectName, type PackLayout } from "./pack_layout.ts"
import { PackError } from "./packing.ts"

/** Writes indexes of some packs, one after the other. Returns how many objects it wrote, and their bytes. */
export const writeIndexes: (
  layout: PackLayout,
  store: ObjectStore,
  cipher: Cipher,
  packs: Iterable<ListedPack>,
) => Effect.Effect<{ readonly objects: number; readonly bytes: number }, StoreError | KernelError> = Effect.fnUntraced(
  function* (layout, store, cipher, packs) {
    let objects = 0
    let bytes = 0
    for (const some of dividedByIndex(packs)) {
      const id = freshId()
      const parts = yield* catching(KernelError, () => encodeIndex(layout.indexes, id, some, cipher))
      yield* store.put(objectName(layout.indexes, id), parts, { unique: true })
      objects++
      for (const part of parts) bytes += part.length
    }
    return { objects, bytes }
  },
)

/** Reads one index object, and reads it again when it is not what it should be. */
export const readIndex = (
  layout: PackLayout,
  store: Pick<ObjectStore, "get">,
  cipher: Cipher,
  object: string,
): Effect.Effect<ReadonlyArray<ListedPack>, PackError | StoreError> =>
  readTwice(
    object,
    Effect.flatMap(
      store.get(object, { atMost: INDEX_BYTES }),
      (bytes) => catching(PackError, () => decodeIndex(layout.indexes, object, bytes, cipher)),
    ),
  )
