/** Makes the index and the maps of blobs again, which both follow from the catalogs. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import type { FormatError } from "../error.ts"
import type { RebuildSummary } from "../repository.ts"
import { ensureScratch } from "../scratch.ts"
import { encodeMap } from "./blob_map.ts"
import { openCatalog } from "./catalog.ts"
import { type Indexed, indexed, writeIndex } from "./catalog_index.ts"
import { check } from "./check.ts"
import { problemOfMap } from "./check_maps.ts"
import { catchingDamage, fromWriteError, isIntact, orDamage } from "./errors.ts"
import { blobs, catalogs, INDEX } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { catalogEntries } from "./read.ts"
import { catalogObjects, formOfRepository, inOrder, listSnapshots } from "./snapshot.ts"

/**
 * Reads every catalog and every map whole. Only catalogs have the names of files: a lost or damaged catalog is a lost
 * snapshot, and a finding.
 */
export const rebuild = (opened: Opened): Effect.Effect<RebuildSummary, FormatError> =>
  Effect.gen(function* () {
    const objects = yield* catalogObjects(opened)
    // Catalogs are opened one at a time. Nothing is changed unless there is room for the largest.
    const sizes = Stream.runFold(
      opened.store.list(catalogs.directory),
      () => 0,
      (most, { size }) => Math.max(most, size),
    )
    yield* ensureScratch(opened.engine, yield* sizes)
    const found: Array<Indexed> = []
    const seen = new ChunkIndex()
    const listing = yield* listSnapshots(opened)
    const form = yield* formOfRepository(opened, listing)
    const rebuilt = listing.indexProblem === undefined ? [] : [INDEX]
    for (const [id, object] of objects) {
      // The check at the end names a damaged catalog.
      const summary = yield* orDamage(object, mend(opened, id, object, seen, rebuilt))
      if (isIntact(summary)) found.push(summary)
    }
    const snapshots = inOrder(found)
    yield* writeIndex(opened, snapshots, form).pipe(
      Effect.mapError(fromWriteError),
    )
    const { findings } = yield* check(opened, { readData: 0 })
    return { snapshots: snapshots.map(({ info }) => info), packsIndexed: 0, rebuiltObjects: rebuilt, findings }
  })

/** Writes the wrong and missing maps of a catalog again, and adds their names to `rebuilt`. */
const mend = (
  opened: Opened,
  id: string,
  name: string,
  seen: ChunkIndex,
  rebuilt: Array<string>,
): Effect.Effect<Indexed, FormatError> =>
  Effect.scoped(Effect.gen(function* () {
    const { store } = opened
    const catalog = yield* openCatalog(opened, id, name)
    yield* Stream.runForEach(
      catalogEntries(catalog, () => {}),
      Effect.fnUntraced(function* ({ blob }) {
        if (blob === undefined || !seen.claim(blob)) return
        const object = blobs.nameOf(blob)
        const map = yield* catchingDamage(name, () => catalog.map(blob))
        if (typeof map === "string" || (yield* problemOfMap(store, object, map)) === undefined) return
        yield* store.put(object, [encodeMap(map)], { replace: true })
        rebuilt.push(object)
      }),
    )
    return indexed(catalog.metadata)
  }))
