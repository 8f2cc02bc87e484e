/** Gets along with damaged packs of catalog pages: pages may be in another pack, too, and can be stored again. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { packsAtOnce } from "../../stages/store/at_once.ts"
import { openPackStore } from "../../stages/pack/pack_store.ts"
import { ObjectStore, StoreError } from "../../stages/store/store.ts"
import type { RepositoryError } from "../error.ts"
import { type Catalog, openCatalog, type Opened, withCatalogs } from "./opened.ts"
import type { SnapshotObject } from "./snapshot.ts"
import { readPack } from "./verify.ts"

/** A pack of catalog pages that is damaged somewhere. */
export interface RuinedPack {
  readonly message: string
  /** It is not damaged: a later version wrote it. */
  readonly newer: boolean
  /** What the store says that cannot read it. */
  readonly cause?: unknown
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
      for (const { cause, message, object, reason } of damaged) {
        if (object.endsWith(extension)) ruined.set(object, { message, newer: reason === "newer", cause })
      }
      const states = yield* Effect.forEach(packs, (pack) => readPack(opened, "catalogs", pack), {
        concurrency: packsAtOnce(opened.store, opened.layout.catalogs.size),
      })
      for (const [i, { cause, newer = false, problem }] of states.entries()) {
        if (problem !== undefined) ruined.set(packs[i]!.object, { message: problem, newer, cause })
      }
      return ruined
    },
  )

/**
 * The repository as if some objects were not there, so that what is written does not count on them. They can still be
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

/**
 * Opens catalogs as `openCatalog` does, the packs of catalogs once for all. One with damaged pages is read again
 * without the packs that are damaged: a run that came upon the damage has stored such pages once more. Those packs are
 * searched once.
 */
export const catalogOpener = (
  given: Opened,
): (snapshot: SnapshotObject) => Effect.Effect<Catalog, RepositoryError | StoreError, Scope.Scope> => {
  let opened = given
  let mended: Opened | undefined
  return Effect.fnUntraced(function* (snapshot) {
    if (opened.catalogs === undefined) opened = yield* withCatalogs(opened)
    return yield* Effect.catchTag(
      openCatalog(opened, snapshot),
      "RepositoryError",
      Effect.fnUntraced(function* (error) {
        if (error.reason !== "corrupt") return yield* error
        mended ??= withoutPacks(opened, yield* ruinedPacks(opened))
        if (mended === opened) return yield* error
        return yield* Effect.catchTag(openCatalog(mended, snapshot), "RepositoryError", () => error)
      }),
    )
  })
}
