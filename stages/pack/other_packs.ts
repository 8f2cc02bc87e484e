/** The packs that hold a chunk beside the one that the index names. They count when that one is damaged. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { requestsAtOnce } from "../store/at_once.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"
import { ChunkIndex } from "./chunk_index.ts"
import { type ListedPack, PREFIX_BYTES } from "./index_file.ts"
import { readIndex } from "./indexes.ts"
import { objectName, type PackLayout } from "./pack_layout.ts"
import type { PackStore } from "./pack_store.ts"
import { PackError } from "./packing.ts"
import type { Ciphers } from "./sealing.ts"

/**
 * Called when a chunk is lost in one pack and was read from another: with a clause that says what is wrong, and names
 * the pack.
 */
export const OnOtherPack: Context.Reference<(damage: string) => void> = Context.Reference("penstock/OnOtherPack", {
  defaultValue: (): (damage: string) => void => () => {},
})

/** No more other packs of a chunk are known: a reader goes from one to the next, and no honest writer makes so many. */
export const MOST_OTHER_PACKS = 16

/**
 * The `nth` other pack that lists a chunk, from 1 on, as its number in {@link PackStore}. Undefined when there are
 * fewer, and beyond {@link MOST_OTHER_PACKS}.
 */
export type OtherPacks = (id: Uint8Array, nth: number) => number | undefined

/**
 * Reads the indexes once more, to learn which chunks are in several packs. The index of all chunks names one pack for
 * each, so that only a reader that meets damage pays for this: up to 16 bytes for each time that a chunk is in another
 * pack. Packs that others have added since `known` was opened are left out.
 */
export const findOtherPacks: (
  layout: PackLayout,
  ciphers: Ciphers,
  known: PackStore,
) => Effect.Effect<OtherPacks, StoreError, ObjectStore> = Effect.fnUntraced(function* (layout, ciphers, known) {
  const store = yield* ObjectStore
  const numbers = new Map(known.packs.map(({ object }, number) => [object, number]))
  /** The second packs of chunks, then the third ones, and so on. */
  const others: Array<ChunkIndex> = []
  const add = ({ id, prefixes }: ListedPack): void => {
    const pack = numbers.get(objectName(layout.packs, id))
    if (pack === undefined) return
    for (let at = 0; at < prefixes.length; at += PREFIX_BYTES) {
      addPack(others, known.index, prefixes.subarray(at, at + PREFIX_BYTES), pack)
    }
  }
  yield* store.list(layout.indexes.directory).pipe(
    Stream.filter(({ name }) => name.endsWith(layout.indexes.extension)),
    Stream.mapEffect(
      ({ name }) =>
        Effect.catch(
          readIndex(layout, store, ciphers, name),
          (error): Effect.Effect<ReadonlyArray<ListedPack>, StoreError> =>
            error instanceof PackError || concernsObject(error) ? Effect.succeed([]) : Effect.fail(error),
        ),
      { concurrency: requestsAtOnce(store) },
    ),
    Stream.runForEach((lists) => Effect.sync(() => lists.forEach(add))),
  )
  known.orphans.forEach(add)
  return (id, nth) => others[nth - 1]?.get(id)
})

/** Adds a pack of a chunk, unless it is the first one or there already: a pack may be in several indexes. */
const addPack = (others: Array<ChunkIndex>, first: ChunkIndex, prefix: Uint8Array, pack: number): void => {
  if (first.get(prefix) === pack) return
  for (const index of others) {
    const there = index.get(prefix)
    if (there === pack) return
    if (there !== undefined) continue
    index.set(prefix, pack)
    return
  }
  if (others.length === MOST_OTHER_PACKS) return
  const index = new ChunkIndex()
  index.set(prefix, pack)
  others.push(index)
}
