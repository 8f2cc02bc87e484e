/** Checks the maps of blobs against what catalogs say. */
import * as Effect from "effect/Effect"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import type { Damage } from "../../stages/store/damage.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { type BlobMap, decodeMap, isMapLength, longestMap, sameMap } from "./blob_map.ts"
import type { Catalog } from "./catalog.ts"
import { exactSize, type Sample } from "./check_extents.ts"
import { catchingDamage, corrupt, orDamage } from "./errors.ts"
import { blobs } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** What is wrong with a map. */
interface MapProblem {
  readonly message: string
  readonly cause?: unknown
}

/** The maps of a repository under a check. */
export class MapCheck {
  readonly #opened: Opened
  readonly #sample: Sample
  readonly #sizes: ChunkIndex
  readonly #right = new ChunkIndex()
  /**
   * What is wrong with maps, by object. Writers cut the same blob in different ways, so a map is right if it is that of
   * any catalog.
   */
  readonly #problems = new Map<string, MapProblem>()

  constructor(opened: Opened, sample: Sample, sizes: ChunkIndex) {
    this.#opened = opened
    this.#sample = sample
    this.#sizes = sizes
  }

  /** Checks the map of a blob of a catalog, unless it was right for an earlier one. */
  check(catalog: Catalog, blob: Uint8Array): Effect.Effect<void, FormatError> {
    if (this.#right.get(blob) !== undefined) return Effect.void
    const object = blobs.nameOf(blob)
    return Effect.map(this.#problemOf(catalog, blob, object), (problem) => {
      if (problem !== undefined) {
        this.#problems.set(object, problem)
        return
      }
      this.#right.claim(blob)
      this.#problems.delete(object)
    })
  }

  /** Adds the problems to the findings, once all catalogs were checked. */
  report(damage: Damage): void {
    for (const [object, problem] of this.#problems) {
      damage.add(object, `${problem.message}; "penstock rebuild" writes it again`, problem)
    }
  }

  #problemOf: (
    catalog: Catalog,
    blob: Uint8Array,
    object: string,
  ) => Effect.Effect<MapProblem | undefined, FormatError> = Effect.fnUntraced(
    { self: this },
    function* (catalog, blob, object) {
      const { store } = this.#opened
      const listed = this.#sizes.get(blob)
      if (listed === undefined) return { message: `${object} is missing` }
      const size = yield* exactSize(store, object, listed)
      const map = yield* catchingDamage(catalog.object, () => catalog.map(blob))
      // The caller reports a blob of which the catalog says nothing valid.
      if (typeof map === "string") return undefined
      if (!isMapLength(size, map)) {
        return { message: `${object} has ${size} bytes, which is no map of ${map.entries.length} extents` }
      }
      if (!this.#sample.has(object)) return undefined
      this.#sample.bytesRead += size
      return yield* problemOfMap(store, object, map)
    },
  )
}

/** Why the stored map is not the one that a catalog says; undefined if it is. */
export const problemOfMap = (
  store: ObjectStore,
  object: string,
  map: BlobMap,
): Effect.Effect<MapProblem | undefined, FormatError> => {
  const read = Effect.flatMap(store.get(object, { atMost: longestMap(map) }), (bytes) =>
    catchingDamage(object, () => {
      if (!sameMap(decodeMap(object, bytes), map)) {
        throw corrupt(object, `${object} does not match the map in the catalog`)
      }
      return true
    }))
  return Effect.map(
    orDamage(object, readTwice(object, read)),
    (found) =>
      found instanceof RepositoryError ? found : found === undefined ? { message: `${object} is missing` } : undefined,
  )
}
