/** The state of an open repository, and the way from its stored entries to their content. */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { openPackStore, type PackStore } from "../../stages/pack/pack_store.ts"
import type { Packing } from "../../stages/pack/packing.ts"
import { packsOf } from "../../stages/pack/packs.ts"
import { decompress, type Fetched, unchunk, unpack, verify } from "../../stages/plan/recipe.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import type { ConfigOf } from "./config.ts"
import type { Opening } from "./key_open.ts"
import type { Layout, PackKind } from "./layout.ts"

/** What the operations of either block version need. */
export interface OpenedWith<Layout> {
  /** The ID of the repository, 32 hex digits. */
  readonly id: string
  /** Its keys, and which of them opened it. */
  readonly opening: Opening
  readonly store: ObjectStore
  readonly engine: SqliteEngine
  readonly layout: Layout
  /** What `ROZEN.json` is when it is whole. */
  readonly config: ConfigOf
}

/** What every operation needs. */
export interface Opened extends OpenedWith<Layout> {
  /** The packs of catalogs, if they are open already: see {@link withCatalogs}. */
  readonly catalogs?: Packing | undefined
}

/**
 * Opens the packs of catalogs once for all that follows. What is learnt of them is remembered; packs that others add
 * later are not seen. `known` is what the store holds, where the caller has looked already.
 */
export const withCatalogs = (opened: Opened, known?: PackStore): Effect.Effect<Opened> =>
  Effect.gen(function* () {
    const { catalogs } = opened.layout
    const store = known === undefined ? openPackStore(catalogs) : Effect.succeed(known)
    const packing = packsOf(catalogs, yield* Effect.cached(store))
    return { ...opened, catalogs: { ...packing, read: yield* Effect.cached(packing.read) } }
  })

/**
 * The stages that lead from stored entries back to their content, for one kind of pack. Packs know the ciphers of
 * their blocks. `wanted` lists the chunks that
 * are going to be read, see `packsOf`.
 */
export const recipeFor = (
  { catalogs, layout }: Opened,
  kind: PackKind,
  wanted?: Iterable<Uint8Array>,
): <E, R>(stored: Stream.Stream<Stored, E, R>) => Stream.Stream<
  Fetched<readonly ["unpack", "decompress", "verify", "unchunk"]>,
  E,
  R
> => {
  const packing = kind === "catalogs" ? catalogs ?? packsOf(layout.catalogs) : packsOf(layout.data, undefined, wanted)
  return (stored) =>
    stored.pipe(
      unpack(packing),
      decompress(layout.compress),
      verify(layout.hash),
      unchunk,
    )
}
