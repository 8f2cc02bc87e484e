/** What a restore does when something is in the place of an entry. */
import type { Entry, EntryKind } from "./entry.ts"

/**
 * When to replace what is in the place of an entry that is not a directory. The names are those of restic.
 *
 * - `always`: when its content or metadata differ.
 * - `if-changed`: the same, but a file with the same size and modification time is taken to have the same content,
 *   which is not read. Its other metadata are set.
 * - `if-newer`: when the entry has a later modification time.
 * - `never`: never.
 *
 * What is not replaced keeps its metadata, too. Directories that are there get the metadata of their entries in any
 * case. Anything else in the place of a directory is removed as it would be for a file; otherwise the directory fails.
 */
export type Overwrite = "always" | "if-changed" | "if-newer" | "never"

/** What is in the place of an entry. */
export interface InPlace {
  /** Undefined when it is none that an entry can have. */
  readonly kind: EntryKind | undefined
  readonly size: number
  /** Undefined when it cannot be told. */
  readonly mtime: bigint | undefined
}

/**
 * What to do: `write` compares, and replaces what differs. `keep` leaves it as it is. `trust` takes its content as the
 * right one. `same`: whether two times are equal, as far as can be told.
 */
export const judge = (
  overwrite: Overwrite,
  { kind, metadata: { mtime }, size }: Entry,
  have: InPlace,
  same: (a: bigint, b: bigint) => boolean = (a, b) => a === b,
): "write" | "keep" | "trust" => {
  if (overwrite === "always") return "write"
  if (overwrite === "never") return "keep"
  const known = mtime !== undefined && have.mtime !== undefined
  if (overwrite === "if-newer") return known && mtime > have.mtime && !same(mtime, have.mtime) ? "write" : "keep"
  return known && kind === "file" && have.kind === "file" && size === have.size && same(mtime, have.mtime)
    ? "trust"
    : "write"
}
