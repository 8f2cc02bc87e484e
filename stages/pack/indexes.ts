/** Writes index objects to a store, and reads them. `index_file.ts` has their bytes. */
import * as Effect from "effect/Effect"
import { catching } from "../kernel/catching.ts"
import { KernelError } from "../kernel/kernel.ts"
import { readTwice } from "../store/second_read.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"
import { decodeIndex, dividedByIndex, encodeIndex, type ListedPack } from "./index_file.ts"
import { freshId, INDEX_BYTES, objectName, type PackLayout } from "./pack_layout.ts"
import { PackError } from "./packing.ts"
import type { Ciphers } from "./sealing.ts"

/** Writes indexes of some packs, one after the other. Returns how many objects it wrote, and their bytes. */
export const writeIndexes: (
  layout: PackLayout,
  store: ObjectStore,
  ciphers: Ciphers,
  packs: Iterable<ListedPack>,
) => Effect.Effect<{ readonly objects: number; readonly bytes: number }, StoreError | KernelError> = Effect.fnUntraced(
  function* (layout, store, ciphers, packs) {
    const { fresh, signing } = layout.indexes
    const sealing = yield* fresh
    let objects = 0
    let bytes = 0
    for (const some of dividedByIndex(packs)) {
      const id = freshId()
      const name = objectName(layout.indexes, id)
      const sealed = yield* catching(KernelError, () => encodeIndex(sealing, id, some, ciphers(sealing.cipher)))
      const parts = signing === undefined ? sealed : [...sealed, yield* signing.sign(name, sealed)]
      yield* store.put(name, parts, { unique: true })
      objects++
      for (const part of parts) bytes += part.length
    }
    return { objects, bytes }
  },
)

/** Reads one index object, and reads it again when it is not what it should be. */
export const readIndex = (
  { indexes }: PackLayout,
  store: Pick<ObjectStore, "get">,
  ciphers: Ciphers,
  object: string,
): Effect.Effect<ReadonlyArray<ListedPack>, PackError | StoreError> =>
  readTwice(
    object,
    Effect.gen(function* () {
      const stored = yield* store.get(object, { atMost: INDEX_BYTES })
      // Nothing of an index is looked at before its signature was verified.
      const bytes = indexes.signing === undefined ? stored : yield* indexes.signing.verify(object, stored)
      const tag = yield* catching(PackError, () => indexes.tagIn(object, bytes.subarray(0, indexes.headerLimit)))
      const sealing = yield* indexes.open(object, tag)
      return yield* catching(
        PackError,
        () => decodeIndex(indexes, sealing, object, bytes, ciphers(sealing.cipher)),
      )
    }),
  )
