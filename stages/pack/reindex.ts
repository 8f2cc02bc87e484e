/** Makes the indexes of a store again from its packs. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Kernels, makeKernel } from "../kernel.ts"
import { freshId, objectName, type PackLayout } from "./pack_layout.ts"
import { encodePackList, type ListedPack, prefixesOf } from "./pack_list.ts"
import { openPackStore, readFooter } from "./pack_store.ts"
import { PackError } from "./packing.ts"
import { ObjectStore, type StoreError } from "./store.ts"

/** What was found. */
export interface Reindexed {
  /** Packs that are listed now. */
  readonly packs: number
  /** Of them, those that no index listed. */
  readonly added: number
  /** Packs that an index listed and that are gone, and packs that cannot be read: not listed any more. */
  readonly lost: ReadonlyArray<PackError>
}

/** Packs in one index object at most. */
const INDEX_PACKS = 4096

/**
 * Reads the footer of every pack, writes new indexes of those that are whole, then removes the old indexes. Safe beside writers: only
 * indexes that were there at the start are removed, and what they listed is listed again.
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
    for (const pack of known.packs) {
      yield* readFooter(layout, store, cipher, pack).pipe(
        Effect.map(({ blocks, length }) =>
          listed.push({ id: pack.id, size: pack.size, footerLength: length, prefixes: prefixesOf(blocks) })
        ),
        Effect.catchTag("PackError", (error) => Effect.sync(() => lost.push(error))),
      )
    }
    const seal = makeKernel(layout.indexes.cipher, table)
    for (let at = 0; at < listed.length; at += INDEX_PACKS) {
      const id = freshId()
      const header = layout.indexes.header(id)
      const body = seal.seal(encodePackList(listed.slice(at, at + INDEX_PACKS)), header)
      yield* store.put(objectName(layout.indexes, id), [header, body], { unique: true })
    }
    yield* Effect.forEach(old, (name) => store.remove(name), { discard: true })
    return { packs: listed.length, added: known.packs.filter(({ indexed }) => !indexed).length, lost }
  },
)
