/** Which chunks of files are lost: those that are bad in every data pack that lists them. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import { Kernels } from "../../stages/kernel/kernel.ts"
import { findOtherPacks } from "../../stages/pack/other_packs.ts"
import { lostPackOf, type PackStore } from "../../stages/pack/pack_store.ts"
import { ciphersOf } from "../../stages/pack/sealing.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import type { Opened } from "./opened.ts"
import type { PackState } from "./pack_check.ts"

/** Stands for the object of chunks that no readable pack holds. */
export const LOST = "DATA/"

/** Gives the object to blame for a lost chunk, {@link LOST} where that is not known; undefined when it is there. */
export type BlameFor = (id: Uint8Array) => string | undefined

/**
 * Finds the lost chunks from the states of the data packs, in the order of `data`. A pack that was not read whole
 * counts as whole. Only when a pack has bad chunks are the indexes read again, for other packs that have them.
 */
export const findLostChunks: (
  opened: Opened,
  data: PackStore,
  states: ReadonlyArray<PackState>,
) => Effect.Effect<BlameFor, StoreError> = Effect.fnUntraced(function* ({ layout, store }, data, states) {
  const bad = new Map<number, ReadonlySet<string> | "all">()
  for (const [pack, state] of states.entries()) {
    if (state.bad.length > 0) bad.set(pack, state.bad === "all" ? "all" : new Set(state.bad.map(bytesToHex)))
  }
  const lostPack = lostPackOf(data.lost)
  const otherPack = bad.size === 0 ? () => undefined : yield* Effect.provideService(
    findOtherPacks(layout.data, ciphersOf(yield* Kernels), data),
    ObjectStore,
    store,
  )
  const isBad = (pack: number, id: Uint8Array): boolean => {
    const chunks = bad.get(pack)
    return chunks === "all" || chunks?.has(bytesToHex(id)) === true
  }
  return (id) => {
    const first = data.index.get(id)
    if (first === undefined) return lostPack(id) ?? LOST
    let pack: number | undefined = first
    for (let nth = 1; pack !== undefined; nth++) {
      if (!isBad(pack, id)) return undefined
      pack = otherPack(id, nth)
    }
    return data.packs[first]!.object
  }
})
