/** Fills the catalog and the index of a run with what earlier snapshots have. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import type { FormatError } from "../error.ts"
import type { BlockReader } from "./block_read.ts"
import { addressKey, type Bptr, refFromChunks } from "./bptr.ts"
import { isDamage } from "./errors.ts"
import { keepHost } from "./hosts.ts"
import { walkRoot } from "./listing_read.ts"
import type { RunIndex } from "./run_index.ts"
import type { Root } from "./snapshot.ts"

const isLost = (error: FormatError | SqliteError): boolean => error._tag !== "SqliteError" && isDamage(error)

/**
 * Puts the entries of the parent into the catalog, so that the run only changes what changed. Entries that cannot be
 * read are missing, and their files are read again. Gives whether all could be read. `host` is that of the run.
 */
export const startFromParent: (
  reader: BlockReader,
  index: RunIndex,
  tree: Tree,
  parent: Root,
  host: string,
) => Effect.Effect<boolean, FormatError | SqliteError> = Effect.fnUntraced(function* (
  reader,
  index,
  tree,
  parent,
  host,
) {
  let complete = true
  yield* catching(SqliteError, () => tree.begin())
  yield* walkRoot(reader, parent, {
    read: (path, listing) => index.addListing("old", path, listing),
    lost: () => {
      complete = false
    },
  }).pipe(
    Stream.runForEachArray((entries) =>
      catching(SqliteError, () => {
        for (const { host: before, listing: _listing, ...entry } of entries) {
          tree.put(entry)
          if (parent.listing === "json" && entry.path !== "") keepHost(index, entry, before, host)
          const ref = refFromChunks(entry.chunks, entry.size)
          if (ref !== undefined) index.addContent(ref)
        }
      })
    ),
    Effect.catchIf(isLost, ({ message }) => {
      complete = false
      return Effect.logWarning(`${message}. All files are read again`)
    }),
  )
  yield* catching(SqliteError, () => tree.commit())
  return complete
})

/**
 * For a run without a parent: adds the contents of all roots to the index, so that they are not stored again. A listing
 * that several roots share is read once.
 */
export const addContentsOf: (
  reader: BlockReader,
  index: RunIndex,
  roots: ReadonlyArray<Root>,
) => Effect.Effect<void, FormatError | SqliteError> = Effect.fnUntraced(function* (reader, index, roots) {
  const seen = new ChunkIndex()
  const skip = (bptr: Bptr): boolean => !seen.claim(addressKey(bptr))
  for (const root of roots) {
    yield* walkRoot(reader, root, { skip }).pipe(
      Stream.runForEachArray((entries) =>
        catching(SqliteError, () => {
          for (const { chunks, size } of entries) {
            const ref = refFromChunks(chunks, size)
            if (ref !== undefined) index.addContent(ref)
          }
        })
      ),
      Effect.catchIf(isLost, ({ message }) => Effect.logWarning(message)),
    )
  }
})
