/** Makes the indexes of a store again from its packs. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Kernels, makeKernel } from "../kernel/kernel.ts"
import { requestsAtOnce } from "../store/at_once.ts"
import { freshId, objectName, type PackLayout } from "./pack_layout.ts"
import { dividedByIndex, encodePackList, listedOf, type ListedPack } from "./pack_list.ts"
import { asPackError, type KnownPack, openPackStore, readEnds } from "./pack_store.ts"
import { PackError } from "./packing.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"

/** What was found. */
export interface Reindexed {
  /** Packs that are listed now. */
  readonly packs: number
  /** Of them, those that no index listed. */
  readonly added: number
  /** Packs that an index listed and that are gone, and packs that cannot be read: not listed any more. */
  readonly lost: ReadonlyArray<PackError>
}

/** Writes a pack again with its header as it was; leaves one that cannot be read whole. */
const mendHeader = Effect.fnUntraced(
  function* (layout: PackLayout, store: ObjectStore, { id, object, size }: KnownPack) {
    const { headerBytes } = layout.packs
    const rest = yield* Effect.catch(
      store.get(object, { offset: headerBytes, length: size - headerBytes }),
      (error) => concernsObject(error) ? Effect.succeed(undefined) : Effect.fail(error),
    )
    if (rest !== undefined) yield* store.put(object, [layout.packs.header(id), rest], { replace: true })
  },
)

/**
 * Reads header and footer of every pack, puts headers right, writes new indexes of those packs that are whole, then
 * removes the old indexes. Safe beside writers: only indexes that were there at the start are removed, and what they
 * listed is listed again.
 */
export const reindex: (layout: PackLayout) => Effect.Effect<Reindexed, StoreError, ObjectStore> = Effect.fnUntraced(
  function* (layout) {
    const store = yield* ObjectStore
    const table = yield* Kernels
    const old = yield* Effect.map(
      Stream.runCollect(store.list(layout.indexes.directory)),
      (objects) => objects.map(({ name }) => name).filter((name) => name.endsWith(layout.indexes.extension)),
    )
    const known = yield* openPackStore(layout)
    const cipher = makeKernel(layout.packs.cipher, table)
    const lost: Array<PackError> = known.damaged.filter(({ object }) => object.endsWith(layout.packs.extension))
    const listed: Array<ListedPack> = []
    const together = { concurrency: requestsAtOnce(store) }
    const read = yield* Effect.forEach(
      known.packs,
      (pack) =>
        Effect.matchEffect(readEnds(layout, store, cipher, pack), {
          onSuccess: (ends) => Effect.succeed({ pack: listedOf(pack, ends), header: ends.header }),
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
        if (found.header !== undefined) yield* mendHeader(layout, store, known.packs[i]!)
        listed.push(found.pack)
      }
    }
    const seal = makeKernel(layout.indexes.cipher, table)
    for (const packs of dividedByIndex(listed)) {
      const id = freshId()
      const body = seal.seal(encodePackList(packs), layout.indexes.context(id))
      yield* store.put(objectName(layout.indexes, id), [layout.indexes.header(id), body], { unique: true })
    }
    yield* Effect.forEach(old, (name) => store.remove(name), { ...together, discard: true })
    return { packs: listed.length, added: known.packs.filter(({ indexed }) => !indexed).length, lost }
  },
)
