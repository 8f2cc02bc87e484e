/** What a source, a target or a format keeps of an entry, as data. */
import type { EntryKind } from "./entry.ts"

/** What a source, a target or a format keeps. The contract tests check each claim. */
export interface Fidelity {
  /** Kinds of entries. */
  readonly kinds: ReadonlyArray<EntryKind>
  /** `execute`: it keeps only whether the owner may execute a file. */
  readonly mode: boolean | "execute"
  /** Whether owner and group are kept. */
  readonly owner: boolean
  /** Resolution of mtime in nanoseconds; undefined when it keeps no mtime. */
  readonly mtime: number | undefined
  /**
   * The earliest mtime that it keeps, in nanoseconds since 1970. Earlier times become this one. Absent: there is no
   * such limit.
   */
  readonly mtimeFrom?: bigint
  /** The latest mtime that it keeps, in the same way. */
  readonly mtimeTo?: bigint
  /** Whether hard links stay links. */
  readonly hardlinks: boolean
  /** Whether holes stay holes. */
  readonly sparse: boolean
  /** Whether names that are not UTF-8 survive. */
  readonly byteNames: boolean
}

/** The limits of times that are kept as nanoseconds in 64 bits: the years 1677 to 2262. */
export const TIMES_OF_64_BITS: Required<Pick<Fidelity, "mtimeFrom" | "mtimeTo">> = {
  mtimeFrom: -(2n ** 63n),
  mtimeTo: 2n ** 63n - 1n,
}

/**
 * Keeps everything.
 *
 * @example Describe a format that keeps everything but owners
 * ```ts
 * import assert from "node:assert/strict"
 * import { wholeFidelity } from "@penstock/penstock/format"
 *
 * const fidelity = { ...wholeFidelity, owner: false }
 * assert.equal(fidelity.mtime, 1)
 * ```
 */
export const wholeFidelity: Fidelity = {
  kinds: ["file", "directory", "symlink", "fifo", "socket", "character", "block"],
  mode: true,
  owner: true,
  mtime: 1,
  hardlinks: true,
  sparse: true,
  byteNames: true,
}

/**
 * What the tree of a catalog keeps: everything, with times of 64 bits.
 *
 * @example Find out the last time that a tree keeps
 * ```ts
 * import assert from "node:assert/strict"
 * import { treeFidelity } from "@penstock/penstock/format"
 *
 * assert.equal(treeFidelity.mtimeTo, 2n ** 63n - 1n)
 * ```
 */
export const treeFidelity: Fidelity = { ...wholeFidelity, ...TIMES_OF_64_BITS }
