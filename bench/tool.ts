/** What a program that is measured is. */
import type { Kept } from "./compare.ts"
import type { Command } from "./measure.ts"
import { find } from "./programs.ts"

/**
 * What is done, in this order: a first backup; a second with nothing changed; a third when some files were edited; a
 * restore of the third; and a check that reads all data.
 */
export const WORKS = ["backup", "again", "edited", "restore", "check"] as const
export type Work = (typeof WORKS)[number]

/** Directories of one tool in one round; `home` is for keys, caches and settings. */
export interface Place {
  readonly source: string
  readonly repository: string
  readonly target: string
  readonly home: string
}

export interface Tool {
  readonly name: string
  readonly version: string
  /** A limit does less than a backup program: no deduplication, or not even encryption. */
  readonly kind: "penstock" | "peer" | "limit"
  /** Writes what the programs need, before any of them runs. */
  readonly setUp?: (place: Place) => void | Promise<void>
  /** Run before the first backup, not measured. */
  readonly prepare: (place: Place) => ReadonlyArray<Command>
  readonly works: { readonly [W in Work]?: (place: Place) => Command }
  /** Works that are done, so that the restore can be compared, but not reported. */
  readonly unreported?: ReadonlyArray<Work>
  /** Bytes of a repository that are content; the rest is catalogs and indexes. */
  readonly content?: (place: Place) => number
  /** What comes back of a tree; everything, when absent. */
  readonly kept?: Kept
}

/** A tool that was asked for and cannot be run, and why. */
export interface Missing {
  readonly name: string
  readonly missing: string
}

/** Makes a tool of programs, or says which of them are missing. */
export const needing = (
  name: string,
  programs: ReadonlyArray<string>,
  make: (...found: ReadonlyArray<string>) => Tool | Missing,
): Tool | Missing => {
  const found = programs.map(find)
  const lost = programs.filter((_, i) => found[i] === undefined)
  return lost.length > 0 ? { name, missing: `${lost.join(", ")} not found` } : make(...found as Array<string>)
}

/** Of every repository that has one. */
export const PASSWORD = "correct horse"
