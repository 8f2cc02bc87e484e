/** Gets along with damaged packs of catalog pages: pages may be in another pack, too, and can be stored again. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { openPackStore } from "../../stages/pack/pack_store.ts"
import { ObjectStore, type StoreError } from "../../stages/pack/store.ts"
import type { RepositoryError } from "../format.ts"
import { type Catalog, openCatalog, type Opened } from "./opened.ts"
import type { SnapshotObject } from "./snapshot.ts"
import { readPack } from "./verify.ts"

/** A pack of catalog pages that is damaged somewhere. */
export interface RuinedPack {
  readonly message: string
  /** It is not damaged: a later version wrote it. */
  readonly newer: boolean
}

/** The packs of catalog pages that are damaged anywhere, by name: reads them all. */
export const ruinedPacks: (opened: Opened) => Effect.Effect<ReadonlyMap<string, RuinedPack>, StoreError> = Effect
  .fnUntraced(
    function* (opened) {
      const { damaged, packs } = yield* Effect.provideService(
        openPackStore(opened.layout.catalogs),
        ObjectStore,
        opened.store,
      )
      const { extension } = opened.layout.catalogs.packs
      const ruined = new Map<string, RuinedPack>()
      for (const { message, object, reason } of damaged) {
        if (object.endsWith(extension)) ruined.set(object, { message, newer: reason === "newer" })
      }
      for (const pack of packs) {
        const { newer = false, problem } = yield* readPack(opened, "catalogs", pack)
        if (problem !== undefined) ruined.set(pack.object, { message: problem, newer })
      }
      return ruined
    },
  )

/** The repository as if some objects were not listed, so that what is written does not count on them. They can still be read. */
export const withoutPacks = (opened: Opened, hidden: ReadonlyMap<string, unknown>): Opened => {
  const { store } = opened
  if (hidden.size === 0) return opened
  const list: ObjectStore["list"] = (directory) => Stream.filter(store.list(directory), ({ name }) => !hidden.has(name))
  return { ...opened, store: { ...store, list }, catalogs: undefined }
}

/**
 * Opens catalogs as `openCatalog` does. One with damaged pages is read again without the packs that are damaged: a run that came upon
 * the damage has stored such pages once more. Those packs are searched once.
 */
export const catalogOpener = (
  opened: Opened,
): (snapshot: SnapshotObject) => Effect.Effect<Catalog, RepositoryError | StoreError, Scope.Scope> => {
  let mended: Opened | undefined
  return (snapshot) =>
    Effect.catchTag(
      openCatalog(opened, snapshot),
      "RepositoryError",
      Effect.fnUntraced(function* (error) {
        if (error.reason !== "corrupt") return yield* error
        mended ??= withoutPacks(opened, yield* ruinedPacks(opened))
        if (mended === opened) return yield* error
        return yield* Effect.catchTag(openCatalog(mended, snapshot), "RepositoryError", () => error)
      }),
    )
}
