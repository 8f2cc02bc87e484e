/** What listings in JSON and the tree of paths have in common. */
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import type { FormatError } from "../error.ts"
import type { Problem } from "../repository.ts"
import type { Bptr, DataRef } from "./bptr.ts"

/** How a snapshot lists its entries: a list in JSON for each directory, or one tree of all paths. */
export type ListingKind = "json" | "tree"

/** An entry as a listing has it. */
export interface Listed extends StoredEntry {
  /** The listing of a directory, in JSON. Absent when the directory is empty, and in the tree. */
  readonly listing?: DataRef
  /** The host on which the entry was last modified, when that is known. */
  readonly host?: string
}

/** What a walk over listings tells, and asks, beside the entries that it gives. */
export interface ListingEvents {
  /** A listing is lost, and with it everything beneath the path. The walk goes on. */
  readonly lost?: (problem: Problem, error: FormatError) => void
  /** Whether to leave out a listing or a part of the tree, with everything beneath it. */
  readonly skip?: (bptr: Bptr) => boolean
  /** The listing of a directory, in JSON, was read to its end. */
  readonly read?: (directory: string, listing: DataRef) => void
}

/** Whether the owner may execute a file with this mode. */
export const isExecutable = (mode: number | undefined): boolean => mode !== undefined && (mode & 0o100) !== 0

/** The mode of a restored file. */
export const modeOf = (executable: boolean): number => executable ? 0o755 : 0o644
