/** Names the files that damage concerns. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId } from "../../stages/hash/chunk_list.ts"
import type { Damage } from "../../stages/store/damage.ts"
import type { FormatError } from "../error.ts"
import { isDamage } from "./errors.ts"
import { catalogOpener } from "./mend.ts"
import { catalogEntries, type Opened } from "./opened.ts"
import type { SnapshotObject } from "./snapshot.ts"

/** Object that stands for chunks which no readable pack holds. */
export const LOST = "DATA/"

/**
 * Goes through every file of some snapshots and adds those with chunks that are damaged or lost: `lost` gives the
 * object that is to blame for a chunk (or {@link LOST}). Snapshots whose catalog cannot be opened are findings
 * themselves. Returns the number of catalogs opened.
 */
export const nameFiles: (
  opened: Opened,
  snapshots: ReadonlyArray<SnapshotObject>,
  damage: Damage,
  lost: (id: Uint8Array) => string | undefined,
) => Effect.Effect<number, FormatError> = Effect.fnUntraced(function* (opened, snapshots, damage, lost) {
  let read = 0
  const openCatalog = catalogOpener(opened)
  for (const snapshot of snapshots) {
    yield* openCatalog(snapshot).pipe(
      Effect.flatMap(({ tree }) =>
        Stream.runForEachArray(catalogEntries(tree, snapshot.name), (entries) =>
          Effect.sync(() => {
            for (const { chunks, path } of entries) {
              for (let i = 0; i < chunkCount(chunks); i++) {
                const id = chunkId(chunks, i)
                const object = damage.blame(id) ?? lost(id)
                if (object === undefined) continue
                if (object === LOST) damage.add(LOST, "Chunks are in no readable pack")
                damage.addFile(object, snapshot.record.id, path)
                break
              }
            }
          }))
      ),
      Effect.tap(() => Effect.sync(() => read++)),
      Effect.scoped,
      Effect.catchIf(isDamage, (error) => Effect.sync(() => damage.addError(error, snapshot.name))),
    )
  }
  return read
})
