/** Removes snapshots: their catalogs, and what the index says of them. SPEC.md, "Writing". */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { FormatError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import { writeIndex } from "./catalog_index.ts"
import { fromWriteError } from "./errors.ts"
import { catalogId, catalogs } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { formOfRepository, listSnapshots } from "./snapshot.ts"

export const forget: (
  opened: Opened,
  snapshots: ReadonlyArray<SnapshotInfo>,
) => Effect.Effect<void, FormatError> = Effect.fnUntraced(function* (opened, snapshots) {
  const forgotten = new Set(snapshots.map(({ id }) => id))
  const listing = yield* listSnapshots(opened)
  const form = yield* formOfRepository(opened, listing)
  const others = listing.snapshots.filter(({ info }) => !forgotten.has(info.id))
  // The index first: a catalog that it lists and that is gone counts as lost.
  yield* Effect.mapError(writeIndex(opened, others, form), fromWriteError)
  const objects = yield* Stream.runCollect(opened.store.list(catalogs.directory))
  for (const { name } of objects) {
    const id = catalogId(name)
    if (id !== undefined && forgotten.has(id)) yield* opened.store.remove(name)
  }
})
