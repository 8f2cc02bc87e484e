/** Makes the indexes of a store again, from its packs. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Kernels } from "../kernel/kernel.ts"
import { requestsAtOnce } from "../store/at_once.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"
import { listedOf, type ListedPack } from "./index_file.ts"
import { writeIndexes } from "./indexes.ts"
import { asPackError, readEnds } from "./pack_ends.ts"
import type { PackLayout } from "./pack_layout.ts"
import { type KnownPack, openPackStore } from "./pack_store.ts"
import { PackError } from "./packing.ts"
import { ciphersOf, type Sealing } from "./sealing.ts"

/** What {@link reindex} found. */
export interface Reindexed {
  /** Packs that are listed now. */
  readonly packs: number
  /** How many of them no index listed before. */
  readonly added: number
  /** Packs that are missing or cannot be read. They are not listed any more. */
  readonly lost: ReadonlyArray<PackError>
}

/**
 * Reads header and footer of every pack, corrects headers, writes new indexes of the packs that are whole, and then
 * removes the old indexes. Writers may run at the same time: only indexes that were there at the start are removed, and
 * the packs that they list are listed again.
 */
export const reindex: (layout: PackLayout) => Effect.Effect<Reindexed, StoreError, ObjectStore> = Effect.fnUntraced(
  function* (layout) {
    const store = yield* ObjectStore
    const ciphers = ciphersOf(yield* Kernels)
    const old = yield* Effect.map(
      Stream.runCollect(store.list(layout.indexes.directory)),
      (objects) => objects.map(({ name }) => name).filter((name) => name.endsWith(layout.indexes.extension)),
    )
    const known = yield* openPackStore(layout)
    const lost: Array<PackError> = known.damaged.filter(({ object }) => object.endsWith(layout.packs.extension))
    const listed: Array<ListedPack> = []
    const together = { concurrency: requestsAtOnce(store) }
    const read = yield* Effect.forEach(
      known.packs,
      (pack) =>
        Effect.matchEffect(readEnds(layout, store, ciphers, pack), {
          onSuccess: (ends) => Effect.succeed({ pack: listedOf(pack, ends), ends }),
          onFailure: (error) =>
            error instanceof PackError
              ? Effect.succeed(error)
              : concernsObject(error)
              ? Effect.succeed(asPackError(error))
              : Effect.fail(error),
        }),
      together,
    )
    for (const [i, found] of read.entries()) {
      if (found instanceof PackError) lost.push(found)
      else {
        if (found.ends.header !== undefined) yield* mendHeader(found.ends.sealing, store, known.packs[i]!)
        listed.push(found.pack)
      }
    }
    // A faulty cipher is a defect here: the old indexes stay.
    yield* Effect.catchTag(
      writeIndexes(layout, store, ciphers, listed),
      "KernelError",
      Effect.die,
    )
    yield* Effect.forEach(old, (name) => store.remove(name), { ...together, discard: true })
    return { packs: listed.length, added: known.packs.filter(({ indexed }) => !indexed).length, lost }
  },
)

/** Writes a pack again with the right header. Leaves a pack alone that cannot be read whole. */
const mendHeader = Effect.fnUntraced(
  function* ({ header, headerBytes }: Sealing, store: ObjectStore, { id, object, size }: KnownPack) {
    const rest = yield* Effect.catch(
      store.get(object, { offset: headerBytes, length: size - headerBytes }),
      (error) => concernsObject(error) ? Effect.succeed(undefined) : Effect.fail(error),
    )
    if (rest !== undefined) yield* store.put(object, [header(id), rest], { replace: true })
  },
)
