/** Finds the files that damaged and lost chunks belong to. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId } from "../../stages/hash/chunk_list.ts"
import type { Damage } from "../../stages/store/damage.ts"
import type { FormatError } from "../error.ts"
import { catalogEntries, catalogOpener } from "./catalog.ts"
import { isDamage } from "./errors.ts"
import type { Opened } from "./opened.ts"
import type { SnapshotObject } from "./snapshot.ts"

/** Stands for the object of chunks that no readable pack holds. */
export const LOST = "DATA/"

/**
 * Goes through every file of some snapshots, and adds those with damaged or lost chunks to `damage`. `lost` gives the
 * object that is to blame for a chunk, {@link LOST} where that is not known, or undefined when the chunk is there. A
 * snapshot whose catalog cannot be opened is a finding itself.
 */
export const findDamagedFiles: (
  opened: Opened,
  snapshots: ReadonlyArray<SnapshotObject>,
  damage: Damage,
  lost: (id: Uint8Array) => string | undefined,
) => Effect.Effect<void, FormatError> = Effect.fnUntraced(function* (opened, snapshots, damage, lost) {
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
      Effect.scoped,
      Effect.catchIf(isDamage, (error) => Effect.sync(() => damage.addError(error, snapshot.name))),
    )
  }
})
