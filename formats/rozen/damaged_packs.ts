/** Damaged packs of catalogs: which there are, and a view of the repository without them. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { openPackStore } from "../../stages/pack/pack_store.ts"
import { packsAtOnce } from "../../stages/store/at_once.ts"
import { ObjectStore, StoreError } from "../../stages/store/store.ts"
import type { Opened } from "./opened.ts"
import { checkPack } from "./pack_check.ts"

/** A pack of catalogs that is damaged somewhere. */
export interface DamagedPack {
  readonly message: string
  /** It is not damaged: a later version wrote it. */
  readonly newer: boolean
  /** The error of the store, when the store cannot read it. */
  readonly cause?: unknown
}

/** Finds the packs of catalogs that are damaged anywhere, by name. Reads all packs of catalogs. */
export const findDamagedPacks: (opened: Opened) => Effect.Effect<ReadonlyMap<string, DamagedPack>, StoreError> = Effect
  .fnUntraced(function* (opened) {
    const { catalogs } = opened.layout
    const { damaged, packs } = yield* Effect.provideService(openPackStore(catalogs), ObjectStore, opened.store)
    const found = new Map<string, DamagedPack>()
    for (const { cause, message, object, reason } of damaged) {
      if (object.endsWith(catalogs.packs.extension)) found.set(object, { message, newer: reason === "newer", cause })
    }
    const states = yield* Effect.forEach(packs, (pack) => checkPack(opened, "catalogs", pack), {
      concurrency: packsAtOnce(opened.store, catalogs.size),
    })
    for (const [i, { cause, newer = false, problem }] of states.entries()) {
      if (problem !== undefined) found.set(packs[i]!.object, { message: problem, newer, cause })
    }
    return found
  })

/**
 * The repository as if some objects were not there, so that nothing that is written relies on them. They can still be
 * read.
 */
export const withoutPacks = (opened: Opened, hidden: ReadonlyMap<string, unknown>): Opened => {
  const { store } = opened
  if (hidden.size === 0) return opened
  const list: ObjectStore["list"] = (directory) => Stream.filter(store.list(directory), ({ name }) => !hidden.has(name))
  const stat: ObjectStore["stat"] = (name) =>
    !hidden.has(name) ? store.stat(name) : Effect.fail(
      new StoreError({ reason: "not-found", object: name, message: `${name} is left out, because it is damaged` }),
    )
  return { ...opened, store: { ...store, list, stat }, catalogs: undefined }
}
