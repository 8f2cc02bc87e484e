/** Writes the listing of a snapshot, in one of the two ways. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TreeChange } from "../../stages/catalog/tree/change.ts"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import type { FormatError } from "../error.ts"
import type { BlockStore } from "./block_store.ts"
import type { DataRef } from "./bptr.ts"
import { writing } from "./errors.ts"
import { writeListings } from "./json_listing_write.ts"
import type { Opened } from "./opened.ts"
import type { RunIndex } from "./run_index.ts"
import { TreeWriter } from "./tree_write.ts"

/** Writes a listing while a run records its entries, and after that. */
export interface ListingWriter {
  /** For `RecordOptions.onChange`. */
  readonly onChange?: (change: TreeChange) => void
  /** Put between the entries and their recording: it writes what was recorded so far. */
  readonly during: <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E | FormatError, R>
  /** To be run when the last entry was recorded. Gives the listing; undefined when there are no entries. */
  readonly finish: Effect.Effect<DataRef | undefined, FormatError>
}

/** Writes a listing in JSON for each directory, when everything is recorded. */
export const jsonListingWriter = (
  opened: Opened,
  blocks: BlockStore,
  index: RunIndex,
  tree: Tree,
  host: string,
): ListingWriter => ({
  during: (self) => self,
  finish: writeListings(opened, blocks, index, tree, host),
})

/** Writes one tree of all paths: the tree `start` with the changes of the run, or a new tree. */
export const treeListingWriter = (
  opened: Opened,
  blocks: BlockStore,
  tree: Tree,
  start: DataRef | undefined,
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
