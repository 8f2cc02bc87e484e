/**
 * The forms in which catalogs can be written. Other programs may know only one of each, so a repository keeps the forms
 * that it has. SPEC.md, section 7.
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
  /** Their names are `catalogs/<32 hex>`, without directories in between. */
  readonly flat: boolean
}

/** The form for a new repository. */
export const formOfNew = (
  { catalogs = "nested", tree = "document", wrap = false }: SnapshotCatalogOptions,
): CatalogForm => ({ wrap, tree, flat: catalogs === "flat" })

/**
 * The form of a catalog. If it does not say how its tree is hashed, the hash is computed; one that fits neither way
 * counts as that of the document.
 */
export const formOf = (
  { hasher }: Opened,
  { db, metadata: { tree, treeForm }, object, wrapped }: Catalog,
): Effect.Effect<CatalogForm> =>
  catchingDamage(object, () => treeForm ?? TREE_FORMS.find((form) => treeHash(db, hasher, form) === tree)).pipe(
    Effect.orElseSucceed(() => undefined),
    Effect.map((found = "document") => ({ wrap: wrapped, tree: found, flat: isFlat(object) })),
  )

/** A form from JSON; undefined if it is none. */
export const formFrom = (value: unknown): CatalogForm | undefined => {
  const { flat, tree, wrap } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>
  const form = TREE_FORMS.find((form) => form === tree)
  return typeof flat === "boolean" && typeof wrap === "boolean" && form !== undefined
    ? { wrap, tree: form, flat }
    : undefined
}
