/** Lists the snapshots of a repository. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import { tellUnlisted } from "../unlisted.ts"
import { openCatalog } from "./catalog.ts"
import { type CatalogForm, formOf, formOfNew } from "./catalog_form.ts"
import { type CatalogIndex, type Indexed, indexed, readIndex } from "./catalog_index.ts"
import { isIntact, orDamage } from "./errors.ts"
import { catalogId, catalogName, catalogs, INDEX, isFlat } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** The catalogs of a repository. */
export interface Listing {
  /** Oldest first. */
  readonly snapshots: ReadonlyArray<Indexed>
  /** Catalogs that cannot be read. */
  readonly damaged: ReadonlyArray<RepositoryError>
  /** Why the index cannot be used. An index that does not list all catalogs can be. */
  readonly indexProblem: IndexProblem | undefined
  /** IDs in hex of catalogs that the index lists and that are missing. */
  readonly missing: ReadonlyArray<string>
  /** The form of catalogs according to the index. */
  readonly form: CatalogForm | undefined
}

interface IndexProblem {
  readonly message: string
  readonly cause?: unknown
}

/**
 * Lists all catalogs. What a listing shows comes from `more` and from the index; catalogs that neither knows are
 * opened.
 */
export const listSnapshots = (
  opened: Opened,
  more: ReadonlyMap<string, Indexed> = new Map(),
): Effect.Effect<Listing, FormatError> =>
  Effect.gen(function* () {
    const objects = yield* catalogObjects(opened)
    const index = yield* usableIndex(opened)
    const read = yield* Effect.forEach(
      objects,
      ([id, object]) => {
        const known = more.get(id) ?? ("message" in index ? undefined : index.known.get(id))
        return known !== undefined ? Effect.succeed(known) : orDamage(object, summarise(opened, id, object))
      },
      { concurrency: 2 },
    )
    const damaged = read.filter((found) => found instanceof RepositoryError)
    const snapshots = inOrder(read.filter(isIntact))
    if ("message" in index) return { snapshots, damaged, indexProblem: index, missing: [], form: undefined }
    const there = new Set(objects.map(([id]) => id))
    const missing = [...index.ids].filter((id) => !there.has(id))
    return { snapshots, damaged, indexProblem: undefined, missing, form: index.form }
  })

/** Sorts snapshots, oldest first. */
export const inOrder = (snapshots: ReadonlyArray<Indexed>): ReadonlyArray<Indexed> =>
  snapshots.toSorted(({ info: a }, { info: b }) => a.time - b.time || (a.id < b.id ? -1 : 1))

/**
 * All snapshots, oldest first. Damage is reported as a warning, because the other snapshots are still of use.
 */
export const snapshots = (opened: Opened): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.gen(function* () {
    const { damaged, snapshots } = yield* listSnapshots(opened)
    yield* tellUnlisted(damaged.map(({ message }) => message))
    return snapshots.map(({ info }) => info)
  })

/** IDs in hex and objects of all catalogs, sorted by ID. If there is a nested and a flat one, the nested one counts. */
export const catalogObjects = (
  { store }: Opened,
): Effect.Effect<ReadonlyArray<readonly [id: string, object: string]>, StoreError> =>
  Effect.map(Stream.runCollect(store.list(catalogs.directory)), (all) => {
    const found = new Map<string, string>()
    for (const { name } of all) {
      const id = catalogId(name)
      if (id !== undefined && !(isFlat(name) && found.has(id))) found.set(id, name)
    }
    return [...found].sort(([a], [b]) => a < b ? -1 : 1)
  })

/** Reads what the index would say about a catalog. */
const summarise = (opened: Opened, id: string, object: string): Effect.Effect<Indexed, FormatError> =>
  Effect.scoped(Effect.map(openCatalog(opened, id, object), ({ metadata }) => indexed(metadata)))

/** The form of the newest catalog that can be read, or else that of the index, or else that of the options. */
export const formOfRepository: (
  opened: Opened,
  listing: Listing,
) => Effect.Effect<CatalogForm, FormatError> = Effect.fnUntraced(function* (opened, { form, snapshots }) {
  for (const { info: { id } } of snapshots.toReversed()) {
    const read = Effect.scoped(Effect.flatMap(openCatalog(opened, id), (catalog) => formOf(opened, catalog)))
    const found = yield* orDamage(catalogName(id), read)
    if (isIntact(found)) return found
  }
  return form ?? formOfNew(opened.options)
})

/** The index, or why it is of no use. */
const usableIndex = (opened: Opened): Effect.Effect<CatalogIndex | IndexProblem, FormatError> =>
  Effect.map(orDamage(INDEX, readIndex(opened)), (index) => {
    if (index === undefined) return { message: `${INDEX} is missing` }
    return index instanceof RepositoryError ? { message: index.message, cause: index } : index
  })
