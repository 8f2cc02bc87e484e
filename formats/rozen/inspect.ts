/** Shows the objects of a repository for those who look for an error. */
import * as Effect from "effect/Effect"
import { chunkCount } from "../../stages/hash/chunk_list.ts"
import { PREFIX_BYTES } from "../../stages/pack/index_file.ts"
import { openPackStore } from "../../stages/pack/pack_store.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import type { Inspection, PackFacts } from "../inspection.ts"
import { readConfigMembers } from "./config.ts"
import type { PackKind } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { findSnapshot, listSnapshots } from "./snapshot.ts"

/** `Repository.inspection`. */
export const makeInspection = (opened: Opened): Inspection => {
  const { config, layout, store } = opened
  return {
    config: readConfigMembers(store, config),
    snapshot: (id) =>
      listSnapshots(store, layout).pipe(
        Effect.flatMap(({ snapshots }) => findSnapshot(snapshots, id)),
        Effect.map(({ catalog: { chunks, size }, name, record }) => ({
          object: name,
          record,
          catalog: { bytes: size, chunks: chunkCount(chunks) },
        })),
      ),
    packs: Effect.zipWith(packsOf(opened, "data"), packsOf(opened, "catalogs"), (data, catalogs) => ({
      packs: [...data.packs, ...catalogs.packs],
      problems: [...data.problems, ...catalogs.problems],
    })),
  }
}

/** The packs of one kind. Those that are lost have no size. */
const packsOf = ({ layout, store }: Opened, kind: PackKind): Effect.Effect<PackFacts, StoreError> =>
  openPackStore(layout[kind]).pipe(
    Effect.map(({ damaged, lost, packs }) => ({
      packs: [
        ...packs.map(({ chunks, footerLength, indexed, object, size }) => ({
          ...{ object, kind, chunks, bytes: size, footerBytes: footerLength, indexed },
        })),
        ...lost.map(({ object, prefixes }) => ({ object, kind, chunks: prefixes.length / PREFIX_BYTES, lost: true })),
      ],
      problems: damaged.map(({ message }) => message),
    })),
    Effect.provideService(ObjectStore, store),
  )
