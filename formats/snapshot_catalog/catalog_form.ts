/**
 * The ways in which catalogs are written. Programs may know one of each only, so a repository keeps those that it has.
 * SPEC.md, section 7.
 */
import * as Effect from "effect/Effect"
import type { Catalog } from "./catalog.ts"
import { catchingDamage } from "./errors.ts"
import { isFlat } from "./layout.ts"
import type { Opened, SnapshotCatalogOptions } from "./opened.ts"
import { TREE_FORMS, type TreeForm, treeHash } from "./tree_hash.ts"

/** How catalogs are written. */
export interface CatalogForm {
  /** Wrapped in zstd. */
  readonly wrap: boolean
  readonly tree: TreeForm
  /** `catalogs/<32 hex>` is their name, and not in directories. */
  readonly flat: boolean
}

/** Of a repository that is made. */
export const formOfNew = (
  { catalogs = "nested", tree = "document", wrap = false }: SnapshotCatalogOptions,
): CatalogForm => ({ wrap, tree, flat: catalogs === "flat" })

/** How a catalog is written. Its tree hash is computed when it does not say: by the document when it is neither. */
export const formOf = (
  { hasher }: Opened,
  { db, metadata: { tree, treeForm }, object, wrapped }: Catalog,
): Effect.Effect<CatalogForm> =>
  catchingDamage(object, () => treeForm ?? TREE_FORMS.find((form) => treeHash(db, hasher, form) === tree)).pipe(
    Effect.orElseSucceed(() => undefined),
    Effect.map((found = "document") => ({ wrap: wrapped, tree: found, flat: isFlat(object) })),
  )

/** A form from JSON; undefined when it is anything else. */
export const formFrom = (value: unknown): CatalogForm | undefined => {
  const { flat, tree, wrap } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>
  const form = TREE_FORMS.find((form) => form === tree)
  return typeof flat === "boolean" && typeof wrap === "boolean" && form !== undefined
    ? { wrap, tree: form, flat }
    : undefined
}
