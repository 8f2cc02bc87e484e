/** Reads the entries of a snapshot and their content. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { contents } from "../../stages/fetch/contents.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import { Kernels } from "../../stages/kernel/kernel.ts"
import { unchunk, unpack, verify } from "../../stages/plan/recipe.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import { selectEntries } from "../../stages/walk/select_entries.ts"
import type { FormatError } from "../error.ts"
import type { ReadOptions, SnapshotEntry, SnapshotInfo } from "../repository.ts"
import { type ObjectReader, openAreas } from "./object_reader.ts"
import { idAt, idCount } from "./objects.ts"
import type { Opened } from "./opened.ts"
import { chunkListOf, chunkPacking } from "./packing.ts"
import { findSnapshot } from "./snapshot.ts"
import { treeEntries, type TreeEntry } from "./tree_read.ts"

/**
 * The entries of a snapshot, depth-first. No object says how long a file is. Its size is the sum of the lengths of its
 * chunks, which the listing or their packfiles tell. The size of a file with a missing chunk is unknown.
 */
export const entries = (
  opened: Opened,
  snapshot: SnapshotInfo,
  options: ReadOptions = {},
): Stream.Stream<SnapshotEntry, FormatError> =>
  Stream.unwrap(Effect.gen(function* () {
    const { snapshot: { root } } = yield* findSnapshot(opened, snapshot)
    const { blocks, metadata } = yield* openAreas(opened)
    const chosen = selectEntries(
      treeEntries(metadata, root, ({ message, path }) => options.problem?.({ message, path })),
      options,
    )
    const sized = Stream.mapEffect(chosen, (entry) => withChunks(entry, blocks))
    if (options.content === false) {
      return Stream.map(sized, ({ chunks, reused: _reused, ...entry }): SnapshotEntry =>
        options.chunks === true ? { ...entry, chunks } : entry)
    }
    return contents(sized.pipe(unpack(chunkPacking(blocks)), verify(sha256), unchunk), options)
  })).pipe(Stream.provideService(ObjectStore, opened.store), Stream.provideService(Kernels, opened.table))

/** The entry with its chunk list and size. Reads packfiles if lengths are unknown. */
const withChunks = ({ ids, ...entry }: TreeEntry, blocks: ObjectReader): Effect.Effect<Stored, StoreError> => {
  if (entry.kind !== "file") return Effect.succeed(entry)
  const named = { ...entry, contentId: ids }
  const known = chunkListOf(ids, blocks)
  if (known.size !== undefined) return Effect.succeed({ ...named, ...known })
  return Effect.map(
    Effect.forEach(Array(idCount(ids)).keys(), (i) => blocks.find(idAt(ids, i)), { discard: true }),
    () => ({ ...named, ...chunkListOf(ids, blocks) }),
  )
}
