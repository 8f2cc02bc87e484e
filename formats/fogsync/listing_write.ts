/** The two ways of a run to list what it has recorded. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Tree, TreeChange } from "../../stages/catalog/tree/tree.ts"
import type { FormatError } from "../error.ts"
import type { Ref } from "./bptr.ts"
import { writing } from "./errors.ts"
import type { RunIndex } from "./run_index.ts"
import { writeListings } from "./json_listing_write.ts"
import type { Opened } from "./opened.ts"
import type { BlockStore } from "./block_store.ts"
import { TreeWriter } from "./tree_write.ts"

/** Lists. */
export interface ListingWriter {
  /** For `RecordOptions.onChange`. */
  readonly onChange?: (change: TreeChange) => void
  /** What goes between the entries, as they come to be recorded. */
  readonly during: <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | FormatError, R>
  /** After the last entry was recorded: where the listing is; undefined when there is nothing. */
  readonly finish: Effect.Effect<Ref | undefined, FormatError>
}

/** A listing for each directory, when all is recorded. */
export const jsonListingWriter = (
  opened: Opened,
  blocks: BlockStore,
  known: RunIndex,
  tree: Tree,
  host: string,
): ListingWriter => ({
  during: (self) => self,
  finish: writeListings(opened, blocks, known, tree, host),
})

/** One tree of all paths: that of the parent with the changes, or without one a new tree. */
export const treeListingWriter = (
  opened: Opened,
  blocks: BlockStore,
  tree: Tree,
  start: Ref | undefined,
): ListingWriter => {
  const writer = new TreeWriter(opened, blocks, start)
  if (start === undefined) {
    const all = Effect.gen(function* () {
      const entries = yield* writing(() => tree.entries())
      for (;;) {
        const { done, value } = yield* writing(() => entries.next())
        if (done === true) return yield* writer.finish
        yield* writer.apply({ op: "put", entry: value }, true)
      }
    })
    return { during: (self) => self, finish: all }
  }
  let changes: Array<TreeChange> = []
  const apply = Effect.suspend(() => {
    const now = changes
    changes = []
    return Effect.forEach(now, (change) => writer.apply(change), { discard: true })
  })
  return {
    onChange: (change) => changes.push(change),
    during: Stream.mapArrayEffect((entries) => Effect.as(apply, entries)),
    finish: Effect.andThen(apply, writer.finish),
  }
}
