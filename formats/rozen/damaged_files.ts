/** Finds the files that lost chunks belong to. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId } from "../../stages/hash/chunk_list.ts"
import type { Damage } from "../../stages/store/damage.ts"
import type { FormatError } from "../error.ts"
import { catalogEntries, catalogOpener } from "./catalog.ts"
import { isDamage } from "./errors.ts"
import { type BlameFor, LOST } from "./lost_chunks.ts"
import type { Opened } from "./opened.ts"
import type { SnapshotObject } from "./snapshot.ts"

/**
 * Goes through every file of some snapshots, and adds those with lost chunks to `damage`. A snapshot whose catalog
 * cannot be opened is a finding itself.
 */
export const findDamagedFiles: (
  opened: Opened,
  snapshots: ReadonlyArray<SnapshotObject>,
  damage: Damage,
  blameFor: BlameFor,
) => Effect.Effect<void, FormatError> = Effect.fnUntraced(function* (opened, snapshots, damage, blameFor) {
  const openCatalog = catalogOpener(opened)
  for (const snapshot of snapshots) {
    yield* openCatalog(snapshot).pipe(
      Effect.flatMap(({ tree }) =>
        Stream.runForEachArray(catalogEntries(tree, snapshot.name), (entries) =>
          Effect.sync(() => {
            for (const { chunks, path } of entries) {
              for (let i = 0; i < chunkCount(chunks); i++) {
                const object = blameFor(chunkId(chunks, i))
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
